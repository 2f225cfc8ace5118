// Package nearest finds the names that are most like one that was mistyped.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// Search collects the names that are most like one that was asked for.
type Search struct {
	want  string
	limit int // how many letters may differ
	found []candidate
	row   [2][]int // of the table of distances
}

type candidate struct {
	name     string
	distance int // 0: a copy of the function that the compiler made
}

// Max is how many names are shown.
const Max = 3

// New starts a search for names like want.
func New(want string) *Search {
	return &Search{want: want, limit: min(3, max(1, len(want)/4))}
}

// Add compares name with the one that was asked for. shown is what to show for
// it.
func (n *Search) Add(name, shown string) {
	if strings.HasPrefix(name, n.want) && isCopy(name[len(n.want):]) {
		n.found = append(n.found, candidate{strings.Clone(shown), 0})
		return
	}
	if d := len(name) - len(n.want); d > n.limit || -d > n.limit {
		return
	}
	if d := n.distance(name); d <= n.limit {
		n.found = append(n.found, candidate{strings.Clone(shown), d})
	}
}

// isCopy reports whether a function's name goes on as those of its copies do,
// the ones that compilers specialise or split off.
func isCopy(suffix string) bool {
	for _, s := range []string{".isra.", ".constprop.", ".part.", ".cold", ".llvm.", ".specialized.", ".lto_priv."} {
		if strings.HasPrefix(suffix, s) {
			return true
		}
	}
	return false
}

// Names returns the names that differ least, a few of them at most.
func (n *Search) Names() []string {
	slices.SortFunc(n.found, func(a, b candidate) int {
		// A cold part is never what was meant if there is anything else.
		cold := func(c candidate) int { return strings.Index(c.name+".cold", ".cold") - len(c.name) }
		return cmp.Or(cmp.Compare(a.distance, b.distance), -cmp.Compare(cold(a), cold(b)), cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, c := range slices.CompactFunc(n.found, func(a, b candidate) bool { return a.name == b.name }) {
		if len(names) < Max && c.distance == n.found[0].distance {
			names = append(names, c.name)
		}
	}
	return names
}

// distance returns how many letters of name must be put in, taken out or
// replaced to get the one that was asked for, or more than the limit.
func (n *Search) distance(name string) int {
	if n.row[0] == nil {
		n.row[0], n.row[1] = make([]int, len(n.want)+1), make([]int, len(n.want)+1)
	}
	before, now := n.row[0], n.row[1]
	for j := range before {
		before[j] = j
	}
	for i := range len(name) {
		// Beyond limit of the diagonal the distance is more than limit.
		from, to := max(1, i+1-n.limit), min(len(n.want), i+1+n.limit)
		for j := range now {
			now[j] = n.limit + 1
		}
		if from == 1 {
			now[0] = i + 1
		}
		best := now[from-1]
		for j := from; j <= to; j++ {
			d := before[j-1]
			if name[i] != n.want[j-1] {
				d = 1 + min(d, before[j], now[j-1])
			}
			now[j] = d
			best = min(best, d)
		}
		if best > n.limit {
			return best
		}
		before, now = now, before
	}
	return before[len(n.want)]
}

// List returns names as "(nearest: a, b)", and "" if there are none.
func List(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (nearest: " + strings.Join(names, ", ") + ")"
}

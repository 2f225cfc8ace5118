package tailcall

import (
	"fmt"
	"slices"
	"strings"
)

// maxCalls is how many tail calls in a row the kernel follows:
// MAX_TAIL_CALL_CNT in include/linux/bpf.h.
const maxCalls = 33

// A step of the graph that paths are looked for in: a program, or an array
// that stands for all of its slots. The latter keeps the graph small where
// many programs call with a variable index.
type step struct {
	n     *node
	array *arrayModel
	next  []int

	index, low, group int // of Tarjan's algorithm
	on                bool
}

// paths is the graph, and its groups of steps that lead to each other.
type paths struct {
	steps  []step
	stack  []int
	count  int
	groups [][]int // in the order in which they are left: a group's successors come before it
}

// newPaths makes a graph of the programs and calls of m. only says which
// calls to follow; nil means all.
func (m *model) newPaths(only func(*edge) bool) *paths {
	p := new(paths)
	at := make(map[*node]int)
	for i, n := range m.programs {
		at[n] = i
		p.steps = append(p.steps, step{n: n})
	}
	arrays := make(map[*arrayModel]int)
	for _, a := range m.arrays {
		arrays[a] = len(p.steps)
		s := step{array: a}
		for _, i := range a.order {
			s.next = append(s.next, at[a.slots[i]])
		}
		p.steps = append(p.steps, s)
	}
	for i, n := range m.programs {
		for k := range n.calls {
			e := &n.calls[k]
			switch {
			case e.array == nil || only != nil && !only(e):
			case e.lo == 0 && e.hi >= e.array.max-1 && !e.constant():
				p.steps[i].next = append(p.steps[i].next, arrays[e.array])
			default:
				e.targets(func(_ uint32, t *node) bool {
					p.steps[i].next = append(p.steps[i].next, at[t])
					return true
				})
			}
		}
	}
	for i := range p.steps {
		if p.steps[i].index == 0 {
			p.visit(i)
		}
	}
	return p
}

// visit is Tarjan's algorithm for strongly connected components.
func (p *paths) visit(i int) {
	p.count++
	p.steps[i].index, p.steps[i].low, p.steps[i].on = p.count, p.count, true
	p.stack = append(p.stack, i)
	for _, j := range p.steps[i].next {
		if p.steps[j].index == 0 {
			p.visit(j)
			p.steps[i].low = min(p.steps[i].low, p.steps[j].low)
		} else if p.steps[j].on {
			p.steps[i].low = min(p.steps[i].low, p.steps[j].index)
		}
	}
	if p.steps[i].low != p.steps[i].index {
		return
	}
	from := slices.Index(p.stack, i)
	group := slices.Clone(p.stack[from:])
	p.stack = p.stack[:from]
	for _, j := range group {
		p.steps[j].on, p.steps[j].group = false, len(p.groups)
	}
	p.groups = append(p.groups, group)
}

// cycles returns the names of the programs of each cycle.
func (p *paths) cycles() (list [][]string) {
	for _, group := range p.groups {
		if len(group) == 1 && !slices.Contains(p.steps[group[0]].next, group[0]) {
			continue
		}
		var names []string
		for _, i := range group {
			if n := p.steps[i].n; n != nil {
				names = append(names, n.name)
			}
		}
		list = append(list, names)
	}
	return list
}

// longest returns the most calls that a path from one of the first programs
// makes without a cycle, and the programs on it.
func (p *paths) longest(roots int) (calls int, names []string) {
	most := make([]int, len(p.groups)) // calls from here on
	then := make([]int, len(p.groups)) // the group after it, -1 for none
	for g, group := range p.groups {
		then[g] = -1
		for _, i := range group {
			weight := 1
			if p.steps[i].array != nil {
				weight = 0 // the call of the array counts
			}
			for _, j := range p.steps[i].next {
				to := p.steps[j].group
				if to != g && most[to]+weight > most[g] {
					most[g], then[g] = most[to]+weight, to
				}
			}
		}
	}
	best := -1
	for i := range p.steps[:roots] {
		if g := p.steps[i].group; best < 0 || most[g] > most[best] {
			best = g
		}
	}
	for g := best; g >= 0; g = then[g] {
		if n := p.steps[p.groups[g][0]].n; n != nil {
			names = append(names, n.name)
		}
	}
	if best < 0 {
		return 0, nil
	}
	return most[best], names
}

// tooFar returns a program that no path from one of the first programs leads to
// with as few calls as the kernel follows; nil if there is none. It returns nil
// too if a call may jump anywhere.
func (p *paths) tooFar(roots int) *node {
	seen := make([]bool, len(p.steps))
	var level, next []int // programs that so many calls lead to
	var reach func(int)
	reach = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		if p.steps[i].n != nil {
			next = append(next, i)
			return
		}
		for _, j := range p.steps[i].next {
			reach(j) // a slot: the call of the array counts
		}
	}
	for i := range roots {
		reach(i)
	}
	for calls := 0; len(next) > 0; calls++ {
		if calls > maxCalls {
			return p.steps[next[0]].n
		}
		level, next = next, nil
		for _, i := range level {
			if p.steps[i].n.mayCallAny() {
				return nil
			}
			for _, j := range p.steps[i].next {
				reach(j)
			}
		}
	}
	return nil
}

// mayCallAny reports whether n makes a call of which isn't known where to.
func (n *node) mayCallAny() bool {
	return n.code == nil || slices.ContainsFunc(n.calls, func(e edge) bool { return e.array == nil })
}

// checkPaths reports cycles, and paths that are too long.
func (m *model) checkPaths() {
	constant, all := m.newPaths((*edge).constant), m.newPaths(nil)
	fixed := constant.cycles()
	for _, names := range fixed {
		m.aboutCycle(Warning, names, fmt.Sprintf("the kernel stops it after %d calls, and the last one falls through, unless the programs end it before", maxCalls))
	}
	for _, names := range all.cycles() {
		if !slices.ContainsFunc(fixed, func(f []string) bool { return slices.Contains(names, f[0]) }) {
			m.aboutCycle(Hint, names, "their indices vary, so it may never happen")
		}
	}
	if n := all.tooFar(m.roots); n != nil {
		m.aboutProgram(Error, TooLong, n, "", "no fewer than %d tail calls lead here: the kernel follows %d, the next one falls through", maxCalls+1, maxCalls)
		return
	}
	if !m.checkLongest(Warning, constant, "falls through, unless the programs end it before") {
		m.checkLongest(Hint, all, "falls through; indices vary, so it may never happen")
	}
}

// checkLongest reports the longest path if it is too long.
func (m *model) checkLongest(level Level, p *paths, next string) bool {
	calls, names := p.longest(m.roots)
	if calls <= maxCalls {
		return false
	}
	m.report(&Finding{Level: level, Kind: TooLong, Slot: -1, Program: names[0], Instruction: -1,
		Text: fmt.Sprintf("a path of %d tail calls starts here and ends in %q: the kernel follows %d, the next one %s", calls, names[len(names)-1], maxCalls, next)})
	return true
}

// aboutCycle reports programs that call each other.
func (m *model) aboutCycle(level Level, names []string, text string) {
	const most = 8
	shown := names
	if len(names) > most {
		shown = append(slices.Clone(names[:most]), "...")
	}
	m.report(&Finding{Level: level, Kind: Cycle, Slot: -1, Program: names[0], Instruction: -1,
		Text: fmt.Sprintf("tail calls in a circle (%s): %s", strings.Join(shown, ", "), text)})
}

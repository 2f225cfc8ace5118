package tailcall

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// check returns all findings.
func (m *model) check() Findings {
	for _, n := range m.programs {
		m.checkMaps(n)
		for i := range n.calls {
			m.checkCall(n, &n.calls[i])
			if e := &n.calls[i]; e.joined && (i == 0 || n.calls[i-1].ins != e.ins) {
				m.report(&Finding{Level: Hint, Kind: VariableIndex, Program: n.name, Instruction: e.ins, Slot: -1,
					Text: "several tail calls were joined in one: about three times slower than one with a constant index each; bpf_tail_call_static keeps them apart"})
			}
		}
		m.checkFunctions(n)
	}
	m.checkReach()
	for _, a := range m.arrays {
		m.checkOwner(a)
	}
	m.checkPaths()
	m.checkLicenses()
	m.findings.sort()
	return m.findings
}

// aboutCall reports something about a tail call of n.
func (m *model) aboutCall(level Level, kind Kind, n *node, e *edge, slot int, format string, args ...any) {
	f := &Finding{Level: level, Kind: kind, Program: n.name, Instruction: e.ins, Slot: slot, Text: fmt.Sprintf(format, args...)}
	if e.array != nil {
		f.Array = e.array.name
	}
	m.report(f)
}

// aboutProgram reports something about a program.
func (m *model) aboutProgram(level Level, kind Kind, n *node, array, format string, args ...any) {
	m.report(&Finding{Level: level, Kind: kind, Program: n.name, Array: array, Slot: -1, Instruction: -1, Text: fmt.Sprintf(format, args...)})
}

// checkMaps reports maps that n refers to by a name that nobody knows.
func (m *model) checkMaps(n *node) {
	if n.code == nil {
		return
	}
	for _, id := range n.code.refs {
		switch s := m.spec.mapSpec(id.name); {
		case id.name == "" || m.array(id.name) != nil:
		case s == nil:
			m.aboutProgram(Error, MissingMap, n, "", "it refers to map %q, which is neither an array of the chain nor in Collection", id.name)
		case s.Type == ebpf.ProgramArray:
			m.aboutProgram(Error, MissingMap, n, "", "it refers to program array %q of Collection, which is not in Nested", id.name)
		}
	}
}

// checkCall reports what is wrong with a tail call as such.
func (m *model) checkCall(n *node, e *edge) {
	if e.array == nil {
		what := "can't be told"
		if e.tailCall.array.kind == mapRef {
			what = "isn't one of the chain"
		}
		m.aboutCall(Warning, UnknownArray, n, e, -1, "tail call through an array that %s: whether it falls through can't be checked", what)
		return
	}
	if e.constant() {
		m.checkConstant(n, e)
		return
	}
	m.checkVariable(n, e)
}

// checkConstant checks a call whose index is always the same.
func (m *model) checkConstant(n *node, e *edge) {
	a := e.array
	switch {
	case e.lo >= a.max:
		m.aboutCall(Error, OutOfRange, n, e, -1, "tail call of slot %d falls through: the array has %d slots", e.lo, a.max)
	case a.slots[e.lo] == nil && !a.optional[e.lo]:
		m.aboutCall(Error, EmptySlot, n, e, int(e.lo), "tail call falls through: the slot is empty; fill it, or make it Optional")
	}
}

// checkVariable checks a call whose index varies.
func (m *model) checkVariable(n *node, e *edge) {
	a := e.array
	const slower = "about three times slower than one with a constant index"
	if !e.bounded() {
		m.aboutCall(Hint, VariableIndex, n, e, -1, "tail call with a variable index: %s", slower)
	} else {
		m.aboutCall(Hint, VariableIndex, n, e, -1, "tail call with an index from %d to %d: %s", e.lo, e.hi, slower)
	}
	if e.lo >= a.max {
		m.aboutCall(Error, OutOfRange, n, e, -1, "tail call with an index from %d to %d always falls through: the array has %d slots", e.lo, e.hi, a.max)
		return
	}
	holes, all := a.holes(e.lo, min(e.hi, a.max-1))
	switch {
	case all:
		m.aboutCall(Error, EmptySlot, n, e, -1, "tail call always falls through: all slots that it may call are empty; fill one, or make one Optional")
	case e.hi < a.max && holes != "":
		m.aboutCall(Warning, EmptySlot, n, e, -1, "tail call with an index from %d to %d may fall through: %s", e.lo, e.hi, holes)
	case holes != "":
		m.aboutCall(Hint, EmptySlot, n, e, -1, "tail call with a variable index may fall through: %s", holes)
	}
	if e.hi >= a.max {
		m.aboutCall(Hint, OutOfRange, n, e, -1, "tail call falls through if its index is over %d", a.max-1)
	}
}

// holes lists the slots from lo to hi that are empty and not optional, for
// people. all says that none of them is filled or optional.
func (a *arrayModel) holes(lo, hi uint32) (list string, all bool) {
	known := append(sortedKeys(a.optional), a.order...)
	slices.Sort(known)
	from, n, here := uint64(lo), uint64(0), 0
	var rows []string
	row := func(to uint64) { // empty up to, but not, to
		switch {
		case to == from+1:
			rows = append(rows, fmt.Sprint(from))
		case to > from:
			rows = append(rows, fmt.Sprintf("%d-%d", from, to-1))
		}
		n += max(to, from) - from
		from = max(from, to+1)
	}
	for _, i := range slices.Compact(known) {
		if i >= lo && i <= hi {
			here++
			row(uint64(i))
		}
	}
	row(uint64(hi) + 1)
	const most = 4
	switch {
	case n == 0:
		return "", false
	case n == 1:
		return fmt.Sprintf("slot %s is empty", rows[0]), here == 0
	case len(rows) > most:
		rows = append(rows[:most], "...")
	}
	return fmt.Sprintf("%d slots are empty: %s", n, strings.Join(rows, ", ")), here == 0
}

// checkReach reports slots that no program calls that is called itself.
func (m *model) checkReach() {
	type place struct {
		a *arrayModel
		i uint32
	}
	reached := make(map[place]bool)
	whole := make(map[*arrayModel]bool) // arrays that are called with any index
	seen := make(map[*node]bool)
	todo := append([]*node(nil), m.programs[:m.roots]...)
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		if todo = todo[:len(todo)-1]; seen[n] {
			continue
		}
		if seen[n] = true; n.mayCallAny() {
			return
		}
		for i := range n.calls {
			e := &n.calls[i]
			all := e.lo == 0 && e.hi >= e.array.max-1
			if all && whole[e.array] {
				continue
			}
			whole[e.array] = whole[e.array] || all
			e.targets(func(i uint32, target *node) bool {
				reached[place{e.array, i}] = true
				todo = append(todo, target)
				return true
			})
		}
	}
	for _, a := range m.arrays {
		for _, i := range a.order {
			if !reached[place{a, i}] && !a.optional[i] {
				m.report(&Finding{Level: Warning, Kind: Unreachable, Array: a.name, Slot: int(i), Program: a.slots[i].name, Instruction: -1,
					Text: "no call leads here from the entry"})
			}
		}
	}
}

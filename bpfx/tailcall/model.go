package tailcall

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

// A model is a chain as Check and Graph see it.
type model struct {
	spec     *Spec
	arrays   []*arrayModel
	programs []*node // the entry, the others, and those in slots, each once
	roots    int     // how many of them are in no slot
	findings Findings
}

// An arrayModel is an array and the programs in it.
type arrayModel struct {
	name     string
	max      uint32
	m        *ebpf.Map  // nil before it is loaded
	fd       int        // of m
	id       ebpf.MapID // 0 before it is loaded
	slots    map[uint32]*node
	order    []uint32 // the keys of slots
	optional map[uint32]bool
}

// A node is a program of a model.
type node struct {
	name   string
	typ    ebpf.ProgramType
	spec   *ebpf.ProgramSpec // nil if it isn't known
	loaded *bpfx.Program     // nil before it is loaded
	code   *analysis         // nil if it isn't known
	calls  []edge
}

// An edge is a tail call of a program.
type edge struct {
	tailCall
	array  *arrayModel // nil if it isn't the chain's, or can't be told
	lo, hi uint32      // the index
}

func (e *edge) constant() bool { return e.index.isConstant() }

// bounded reports whether more is known of the index than that it is an u32.
func (e *edge) bounded() bool { return e.lo > 0 || e.hi < 1<<32-1 }

// targets calls fn with the slots that e may jump to, in order, until it
// returns false.
func (e *edge) targets(fn func(uint32, *node) bool) {
	if e.array == nil {
		return
	}
	from, _ := slices.BinarySearch(e.array.order, e.lo)
	for _, i := range e.array.order[from:] {
		if i > e.hi || !fn(i, e.array.slots[i]) {
			return
		}
	}
}

// newModel reads a spec. What is wrong with it as such is in its findings.
func newModel(s *Spec) *model {
	m := &model{spec: s}
	known := make(map[*ebpf.ProgramSpec]*node)
	add := func(spec *ebpf.ProgramSpec) *node {
		n := known[spec]
		if n == nil {
			n = &node{name: spec.Name, typ: spec.Type, spec: spec, code: analyse(spec.Instructions)}
			known[spec] = n
			m.programs = append(m.programs, n)
		}
		return n
	}
	if s.Entry != nil {
		add(s.Entry)
	} else {
		m.report(&Finding{Level: Error, Slot: -1, Instruction: -1, Text: "Entry is nil: say which program is to be attached"})
	}
	for i, p := range s.Others {
		if p == nil {
			m.report(&Finding{Level: Error, Slot: -1, Instruction: -1, Text: fmt.Sprintf("Others[%d] is nil", i)})
			continue
		}
		add(p)
	}
	m.roots = len(m.programs)
	for i, a := range s.arrays() {
		m.addArray(i, a, add)
	}
	m.nameAll()
	m.connect()
	return m
}

// addArray adds an array and the programs in it.
func (m *model) addArray(number int, a Array, add func(*ebpf.ProgramSpec) *node) {
	am := &arrayModel{name: a.Map, max: a.MaxEntries, slots: make(map[uint32]*node), optional: make(map[uint32]bool)}
	bad := func(slot int, program, format string, args ...any) {
		m.report(&Finding{Level: Error, Array: a.Map, Slot: slot, Program: program, Instruction: -1, Text: fmt.Sprintf(format, args...)})
	}
	switch {
	case a.Map == "" && number == 0:
		bad(-1, "", "Map is empty: name the array as programs refer to it")
	case a.Map == "":
		bad(-1, "", "Nested[%d] has no name", number-1)
	case m.array(a.Map) != nil:
		bad(-1, "", "two arrays have this name")
	}
	if s := m.spec.mapSpec(a.Map); s != nil {
		if am.max == 0 {
			am.max = s.MaxEntries
		}
		if s.Type != ebpf.ProgramArray {
			bad(-1, "", "the collection has a %v of this name: it must be a ProgramArray", s.Type)
		} else if s.KeySize != 4 || s.ValueSize != 4 {
			bad(-1, "", "keys of %d and values of %d bytes: a program array has 4 and 4", s.KeySize, s.ValueSize)
		}
	}
	fit := am.max == 0
	for _, s := range a.Slots {
		name := ""
		if s.Program != nil {
			name = s.Program.Name
		}
		switch {
		case s.Program == nil && !s.Optional:
			bad(int(s.Index), "", "nil program: set it, or Optional if calls may fall through")
		case am.slots[s.Index] != nil && s.Program != nil:
			bad(int(s.Index), name, "the slot has program %q already", am.slots[s.Index].name)
		case fit && s.Index == 1<<32-1:
			bad(int(s.Index), name, "an array can't have so many slots")
		case !fit && s.Index >= am.max:
			bad(int(s.Index), name, "the array has %d slots, from 0 to %d", am.max, am.max-1)
		}
		if fit && s.Index < 1<<32-1 {
			am.max = max(am.max, s.Index+1)
		}
		if s.Optional {
			am.optional[s.Index] = true
		}
		if s.Program != nil && am.slots[s.Index] == nil {
			am.slots[s.Index] = add(s.Program)
		}
	}
	if am.max == 0 {
		bad(-1, "", "the array has no slots: set MaxEntries or Slots")
	}
	am.order = sortedKeys(am.slots)
	m.arrays = append(m.arrays, am)
}

// nameAll names programs that have no name, or the same as another, by their
// slots.
func (m *model) nameAll() {
	count := make(map[string]int)
	for _, n := range m.programs {
		count[n.name]++
	}
	place := make(map[*node]string)
	for _, a := range slices.Backward(m.arrays) {
		for _, i := range slices.Backward(a.order) {
			place[a.slots[i]] = fmt.Sprintf("%s[%d]", a.name, i)
		}
	}
	for k, n := range m.programs {
		if count[n.name] < 2 && n.name != "" {
			continue
		}
		at := place[n]
		switch {
		case k < m.roots && n.spec == m.spec.Entry:
			at = "entry"
		case k < m.roots:
			at = fmt.Sprintf("other %d", k)
		}
		if n.name == "" {
			n.name = at
		} else {
			n.name += " (" + at + ")"
		}
	}
}

// connect finds out what the programs call.
func (m *model) connect() {
	for _, n := range m.programs {
		if n.code == nil {
			continue
		}
		for _, c := range n.code.calls {
			e := edge{tailCall: c}
			lo, hi := c.index.bounds()
			e.lo, e.hi = uint32(min(lo, 1<<32-1)), uint32(min(hi, 1<<32-1))
			if c.array.kind == mapRef {
				e.array = m.byID(n.code.refs[c.array.lo])
			}
			n.calls = append(n.calls, e)
		}
	}
}

// byID returns the array that an instruction refers to, nil if there is none.
func (m *model) byID(id mapID) *arrayModel {
	if id.name != "" {
		return m.array(id.name)
	}
	for _, a := range m.arrays {
		switch {
		case a.m == nil:
		case id.m == a.m, id.id > 0 && id.id == a.id, id.fd > 0 && int(id.fd) == a.fd:
			return a
		}
	}
	return nil
}

func (m *model) array(name string) *arrayModel {
	for _, a := range m.arrays {
		if a.name == name && name != "" {
			return a
		}
	}
	return nil
}

func (m *model) report(f *Finding) { m.findings = append(m.findings, f) }

// mapSpec returns the spec of a map of the collection, nil if there is none.
func (s *Spec) mapSpec(name string) *ebpf.MapSpec {
	if s.Collection == nil {
		return nil
	}
	return s.Collection.Maps[name]
}

package tailcall

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
)

// New makes a chain of programs that are loaded already and the array that
// entry was loaded with, and puts programs into slots; if one can't be put,
// those before it are taken back. Slots of array that have programs keep them.
// Nothing is checked but what the kernel does: [Chain.Graph] shows what calls
// what.
//
// The programs and array stay the caller's; array may be closed at once, since
// the chain holds it by a descriptor of its own until Close, and the entry does
// as long as what it was attached to before Close. Close doesn't close the
// programs.
//
// Opening programs that the array has needs CAP_SYS_ADMIN.
func New(array *ebpf.Map, entry *bpfx.Program, programs map[uint32]*bpfx.Program) (*Chain, error) {
	if array == nil {
		return nil, errors.New("new chain: nil array")
	}
	if t := array.Type(); t != ebpf.ProgramArray {
		return nil, fmt.Errorf("new chain: %v is a %v: it must be a ProgramArray", array, t)
	}
	if entry == nil || entry.Program == nil {
		return nil, errors.New("new chain: nil entry: load it first, with the array in place of its name")
	}
	clone, err := array.Clone()
	if err != nil {
		return nil, fmt.Errorf("new chain: array: %w", err)
	}
	name := "array"
	if info, err := array.Info(); err == nil && info.Name != "" {
		name = info.Name
	}
	return newChain([]namedMap{{name, clone}}, entry, nil, programs)
}

// namedMap is an array and its name.
type namedMap struct {
	name string
	m    *ebpf.Map
}

// newChain makes a chain of what is loaded. It takes ownership of the arrays.
func newChain(arrays []namedMap, entry *bpfx.Program, others []*bpfx.Program, programs map[uint32]*bpfx.Program) (*Chain, error) {
	c := &core{spec: &Spec{Map: arrays[0].name}, entry: entry, others: others, nodes: make(map[*bpfx.Program]*node)}
	for _, a := range arrays {
		c.undo = append(c.undo, a.m.Close)
	}
	chain, err := c.fill(arrays, programs)
	if err != nil {
		return nil, scope.Join(fmt.Errorf("new chain %q: %w", arrays[0].name, err), c.close())
	}
	return chain, nil
}

// fill reads what the arrays have and puts programs into the first.
func (c *core) fill(arrays []namedMap, programs map[uint32]*bpfx.Program) (*Chain, error) {
	for _, a := range arrays {
		la := newLiveArray(a.name, a.m, nil)
		c.arrays = append(c.arrays, la)
		if err := c.readSlots(la); err != nil {
			return nil, err
		}
	}
	own := c.arrays[0]
	before := slices.Clone(own.slots)
	for _, i := range sortedKeys(programs) {
		if err := c.put(own, i, programs[i]); err != nil {
			return nil, scope.Join(err, c.putBack(own, before))
		}
	}
	if err := c.hold(); err != nil {
		return nil, scope.Join(err, c.putBack(own, before))
	}
	return &Chain{c, own}, nil
}

// readSlots opens the programs that an array has. The chain closes them.
func (c *core) readSlots(a *liveArray) error {
	byID := make(map[ebpf.ProgramID]*bpfx.Program)
	for i := range a.max {
		var id ebpf.ProgramID
		err := a.m.Lookup(i, (*uint32)(&id))
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			continue
		}
		if err == nil && byID[id] == nil {
			var p *ebpf.Program
			if p, err = ebpf.NewProgramFromID(id); err == nil {
				byID[id] = bpfx.Wrap(p)
				c.owned = append(c.owned, byID[id])
			}
		}
		if err != nil {
			return &SlotError{a.name, i, "", fmt.Errorf("open program %d: %w", id, err)}
		}
		a.slots[i] = byID[id]
	}
	return nil
}

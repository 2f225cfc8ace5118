package tailcall

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
)

// Swap loads programs and puts them into slots, in the order of the slots,
// empty ones included. All are checked, as [Load] checks, and loaded before
// the first is put; if one can't be put, those before it are taken back. The
// same spec may be in many slots and is loaded once.
//
// Each slot changes at once, without a gap, but one after the other: meanwhile
// a packet may meet old programs and new ones. What was replaced is closed if
// the chain loaded it and has it in no other slot.
//
// Returns a [*CheckError], a [*bpfx.LoadError] or a [*SlotError].
func (c *Chain) Swap(programs map[uint32]*ebpf.ProgramSpec) error {
	c.mu.Lock()
	unused, err := c.swap(programs)
	unused = c.disown(unused)
	c.mu.Unlock()
	// Unlocked, as in Close: detaching may call functions of the user's.
	errs := []error{err}
	for _, p := range unused {
		name := programName(p)
		if err := p.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close program %q: %w", name, err))
		}
	}
	if err := scope.Join(errs...); err != nil {
		return fmt.Errorf("swap: %w", err)
	}
	return nil
}

// swap returns the programs that may no longer be used: those that were
// replaced or, with an error, those that were loaded.
func (c *Chain) swap(specs map[uint32]*ebpf.ProgramSpec) (unused []*bpfx.Program, err error) {
	if c.closed {
		return nil, errClosed
	}
	for _, i := range sortedKeys(specs) {
		if specs[i] == nil {
			return nil, &SlotError{c.array.name, i, "", errNilProgram}
		}
		if i >= c.array.max {
			return nil, &SlotError{c.array.name, i, specs[i].Name, c.array.outOfRange()}
		}
	}
	before := c.model(nil, nil).check()
	found := slices.DeleteFunc(c.model(c.array, specs).check(), func(f *Finding) bool {
		return slices.ContainsFunc(before, func(g *Finding) bool { return *f == *g }) // not of these programs' making
	})
	if err := c.spec.refuse(found); err != nil {
		return nil, err
	}
	fresh := make(map[*ebpf.ProgramSpec]*bpfx.Program)
	for _, i := range sortedKeys(specs) {
		spec := specs[i]
		if fresh[spec] != nil {
			continue
		}
		p, err := c.load(&node{name: spec.Name, typ: spec.Type, spec: spec, code: analyse(spec.Instructions)})
		if err != nil {
			return unused, &SlotError{c.array.name, i, spec.Name, err}
		}
		fresh[spec] = p
		unused = append(unused, p)
	}
	old, err := c.putAll(specs, fresh)
	if err != nil {
		return unused, err
	}
	return old, nil
}

// putAll puts programs into slots, or none. It returns what they replaced.
func (c *Chain) putAll(specs map[uint32]*ebpf.ProgramSpec, programs map[*ebpf.ProgramSpec]*bpfx.Program) (old []*bpfx.Program, err error) {
	before := slices.Clone(c.array.slots)
	for _, i := range sortedKeys(specs) {
		if err := c.put(c.array, i, programs[specs[i]]); err != nil {
			return nil, scope.Join(err, c.putBack(c.array, before))
		}
		if p := before[i]; p != nil && !slices.Contains(old, p) {
			old = append(old, p)
		}
	}
	return old, nil
}

// putBack puts into the slots of an array what was there before: programs, or
// nothing.
func (c *core) putBack(a *liveArray, before []*bpfx.Program) error {
	var errs []error
	for k, p := range before {
		i := uint32(k)
		switch {
		case p == a.slots[i]:
		case p != nil:
			errs = append(errs, c.put(a, i, p))
		default:
			a.slots[i] = nil
			if err := a.m.Delete(i); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
				errs = append(errs, &SlotError{a.name, i, "", err})
			}
		}
	}
	return scope.Join(errs...)
}

// disown forgets those programs that the chain loaded and uses no more, and
// returns them: they are to be closed.
func (c *core) disown(programs []*bpfx.Program) (unused []*bpfx.Program) {
	used := c.programs()
	for _, p := range programs {
		k := slices.Index(c.owned, p)
		if k < 0 || slices.Contains(used, p) {
			continue
		}
		c.owned = slices.Delete(c.owned, k, k+1)
		delete(c.nodes, p)
		unused = append(unused, p)
	}
	return unused
}

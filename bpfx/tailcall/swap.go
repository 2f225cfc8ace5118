package tailcall

import (
	"errors"
	"fmt"
	"maps"
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
	defer c.mu.Unlock()
	if err := c.swap(programs); err != nil {
		return fmt.Errorf("swap: %w", err)
	}
	return nil
}

func (c *Chain) swap(specs map[uint32]*ebpf.ProgramSpec) error {
	if c.closed {
		return errClosed
	}
	for _, i := range sortedKeys(specs) {
		if specs[i] == nil {
			return &SlotError{c.array.name, i, "", errNilProgram}
		}
		if i >= c.array.max {
			return &SlotError{c.array.name, i, specs[i].Name, c.array.outOfRange()}
		}
	}
	before := c.model(nil, nil).check()
	found := slices.DeleteFunc(c.model(c.array, specs).check(), func(f *Finding) bool {
		return slices.ContainsFunc(before, func(g *Finding) bool { return *f == *g }) // not of these programs' making
	})
	if err := c.spec.refuse(found); err != nil {
		return err
	}
	fresh := make(map[*ebpf.ProgramSpec]*bpfx.Program)
	for _, i := range sortedKeys(specs) {
		spec := specs[i]
		if fresh[spec] != nil {
			continue
		}
		p, err := c.load(&node{name: spec.Name, typ: spec.Type, spec: spec, code: analyse(spec.Instructions)})
		if err != nil {
			err = &SlotError{c.array.name, i, spec.Name, err}
			return scope.Join(err, c.drop(slices.Collect(maps.Values(fresh))))
		}
		fresh[spec] = p
	}
	old, err := c.putAll(specs, fresh)
	if err != nil {
		return scope.Join(err, c.drop(slices.Collect(maps.Values(fresh))))
	}
	return c.drop(old)
}

// putAll puts programs into slots, or none. It returns what they replaced.
func (c *Chain) putAll(specs map[uint32]*ebpf.ProgramSpec, programs map[*ebpf.ProgramSpec]*bpfx.Program) (old []*bpfx.Program, err error) {
	before := maps.Clone(c.array.slots)
	order := sortedKeys(specs)
	for k, i := range order {
		if err = c.put(c.array, i, programs[specs[i]]); err != nil {
			for _, i := range slices.Backward(order[:k]) {
				err = scope.Join(err, c.putBack(i, before[i]))
			}
			return nil, err
		}
		if p := before[i]; p != nil && !slices.Contains(old, p) {
			old = append(old, p)
		}
	}
	return old, nil
}

// putBack puts into a slot what was there: a program, or nothing.
func (c *Chain) putBack(slot uint32, p *bpfx.Program) error {
	if p != nil {
		return c.put(c.array, slot, p)
	}
	delete(c.array.slots, slot)
	if err := c.array.m.Delete(slot); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return &SlotError{c.array.name, slot, "", err}
	}
	return nil
}

// drop closes those programs that the chain loaded and uses no more.
func (c *core) drop(programs []*bpfx.Program) error {
	used := c.programs()
	var errs []error
	for _, p := range programs {
		k := slices.Index(c.owned, p)
		if k < 0 || slices.Contains(used, p) {
			continue
		}
		c.owned = slices.Delete(c.owned, k, k+1)
		if err := p.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close program %q: %w", c.name(p), err))
		}
		delete(c.nodes, p)
	}
	return scope.Join(errs...)
}

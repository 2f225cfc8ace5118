package tailcall

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/progname"
	"github.com/bpfx/go/internal/scope"
)

// Graph returns which programs call which, as the chain is now. Of programs
// that weren't loaded from a Spec, the instructions are read from the kernel,
// which needs CAP_SYS_ADMIN or CAP_PERFMON; without, their calls are unknown.
func (c *Chain) Graph() *Graph {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		used := c.programs()
		maps.DeleteFunc(c.nodes, func(p *bpfx.Program, _ *node) bool {
			return !slices.Contains(used, p) && !slices.Contains(c.owned, p) // Set has replaced it
		})
		for _, p := range used {
			c.read(p)
		}
		for _, a := range c.arrays {
			if info, err := a.m.Info(); err == nil {
				a.id, _ = info.ID()
			}
		}
	}
	return c.model(nil, nil).graph()
}

// read reads the instructions of a program from the kernel.
func (c *core) read(p *bpfx.Program) {
	if c.nodes[p] != nil {
		return
	}
	n := &node{typ: p.Type(), loaded: p}
	c.nodes[p] = n
	info, err := p.Info()
	if err != nil {
		return
	}
	insns, err := info.Instructions()
	if err != nil {
		return
	}
	n.code = analyse(insns)
	for i, id := range n.code.refs {
		n.code.refs[i] = mapID{id: ebpf.MapID(id.fd)} // that is what the kernel shows
	}
}

// model returns the chain as it is now, with specs in slots of one array.
func (c *core) model(array *liveArray, specs map[uint32]*ebpf.ProgramSpec) *model {
	m := &model{spec: c.spec}
	nodes := make(map[any]*node)
	add := func(key any, n node) *node {
		if nodes[key] == nil {
			n.calls = nil
			nodes[key] = &n
			m.programs = append(m.programs, &n)
		}
		return nodes[key]
	}
	live := func(p *bpfx.Program) *node {
		n := *c.nodeOf(p)
		n.name = c.name(p)
		return add(p, n)
	}
	live(c.entry)
	for _, p := range c.others {
		live(p)
	}
	m.roots = len(m.programs)
	for _, la := range c.arrays {
		a := &arrayModel{name: la.name, max: la.max, m: la.m, fd: la.fd, id: la.id, optional: la.optional, slots: make(map[uint32]*node)}
		for i, p := range la.slots {
			if p != nil && (la != array || specs[uint32(i)] == nil) {
				a.slots[uint32(i)] = live(p)
			}
		}
		if la == array {
			for _, i := range sortedKeys(specs) {
				spec := specs[i]
				a.slots[i] = add(spec, node{name: spec.Name, typ: spec.Type, spec: spec, code: analyse(spec.Instructions)})
			}
		}
		a.order = sortedKeys(a.slots)
		m.arrays = append(m.arrays, a)
	}
	m.nameAll()
	m.connect()
	return m
}

// Verify reads the slots of all arrays back from the kernel and reports those
// that hold something else than what was put there: slots that were emptied or
// filled behind the chain's back, by another process or by the kernel, which
// empties an array when its last descriptor is closed. The errors are joined,
// a [*SlotError] each; nil means that all is as it should be.
func (c *Chain) Verify() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errClosed
	}
	var errs []error
	for _, a := range c.arrays {
		for i := range a.max {
			if err := c.verify(a, i); err != nil {
				errs = append(errs, &SlotError{a.name, i, c.nameOf(a.slots[i]), err})
			}
		}
	}
	return scope.Join(errs...)
}

// verify compares a slot with what was put there.
func (c *core) verify(a *liveArray, slot uint32) error {
	var id ebpf.ProgramID
	err := a.m.Lookup(slot, (*uint32)(&id))
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return err
	}
	p := a.slots[slot]
	switch {
	case p == nil && err != nil:
		return nil
	case p == nil:
		return fmt.Errorf("it holds %s, which the chain didn't put there", describe(id))
	case err != nil:
		return fmt.Errorf("it is empty: somebody cleared it, or the array lost its last descriptor: %w", err)
	}
	if want, ok := p.ID(); ok && want != id {
		return fmt.Errorf("it holds %s instead", describe(id))
	}
	return nil
}

// describe names a program of the kernel.
func describe(id ebpf.ProgramID) string {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return fmt.Sprintf("program %d", id)
	}
	defer p.Close() // only read from
	if name := progname.Of(p); name != "" {
		return fmt.Sprintf("program %d (%s)", id, name)
	}
	return fmt.Sprintf("program %d", id)
}

package tailcall

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/part"
	"github.com/bpfx/go/internal/scope"
)

// Load checks a chain, creates its arrays and other maps, loads its programs
// and puts them into their slots: only then is there an entry to attach. If
// anything fails, nothing stays, but for maps that Collection has pinned.
//
// Slots of an array that is there already, pinned or in MapReplacements of
// Options, keep their programs if Spec has none for them, and get them back if
// Load fails. To open these takes CAP_SYS_ADMIN.
//
// The Chain owns what was loaded and must be closed. s must not be changed
// while the chain is in use.
//
// Returns a [*CheckError] as [Spec.Check] does, a [*bpfx.LoadError] if a
// program can't be loaded, and a [*SlotError] if the kernel refuses one in its
// array.
func Load(s *Spec) (*Chain, error) {
	if s == nil {
		return nil, errors.New("load chain: nil spec")
	}
	m := newModel(s)
	if err := s.refuse(m.check()); err != nil {
		return nil, fmt.Errorf("load %w", err)
	}
	return m.load()
}

// load loads a chain that was checked, or that is to be refused by the kernel.
func (m *model) load() (*Chain, error) {
	c := &core{spec: m.spec, nodes: make(map[*bpfx.Program]*node)}
	if err := m.loadInto(c); err != nil {
		keep := *m.spec
		keep.KeepPrograms = false
		c.spec = &keep
		return nil, scope.Join(fmt.Errorf("load chain %q: %w", m.spec.Map, err), c.close())
	}
	return &Chain{c, c.arrays[0]}, nil
}

func (m *model) loadInto(c *core) error {
	part := m.maps()
	coll, err := bpfx.LoadCollection(part, m.spec.mapOptions(part))
	if err != nil {
		return err
	}
	c.coll = coll
	c.undo = append(c.undo, coll.Close)
	for _, a := range m.arrays {
		la := newLiveArray(a.name, coll.Maps[a.name], a.optional)
		c.arrays = append(c.arrays, la)
		if !m.mayBeThere(a.name) {
			continue
		}
		if err := c.readSlots(la); err != nil {
			return err
		}
	}
	for i, n := range m.programs[:m.roots] {
		p, err := c.load(n)
		if err != nil {
			return err
		}
		if i == 0 {
			c.entry = p // the arrays' owner: it is loaded first
		} else {
			c.others = append(c.others, p)
		}
	}
	before := make([][]*bpfx.Program, len(c.arrays))
	for k, la := range c.arrays {
		before[k] = slices.Clone(la.slots)
	}
	err = m.fillSlots(c)
	for k, la := range c.arrays {
		if err != nil && m.mayBeThere(la.name) { // others go
			err = scope.Join(err, c.putBack(la, before[k]))
		}
	}
	return err
}

// mayBeThere reports whether an array may be older than the chain.
func (m *model) mayBeThere(array string) bool {
	spec, o := m.spec.mapSpec(array), m.spec.Options
	return spec != nil && spec.Pinning != ebpf.PinNone || o != nil && o.MapReplacements[array] != nil
}

// fillSlots loads all programs of slots and puts them there.
func (m *model) fillSlots(c *core) error {
	for _, n := range m.calleesFirst() {
		if err := m.loadSlots(c, n); err != nil {
			return err
		}
	}
	return c.hold()
}

// calleesFirst returns the programs in slots, those that are called before
// those that call, as far as that goes: the kernel patches calls faster while it
// loads the program that makes them than when a slot is filled.
func (m *model) calleesFirst() []*node {
	order := make([]*node, 0, len(m.programs))
	seen := make(map[*node]bool, len(m.programs))
	var visit func(*node, bool)
	visit = func(n *node, root bool) {
		if seen[n] {
			return
		}
		seen[n] = true
		for i := range n.calls {
			n.calls[i].targets(func(_ uint32, t *node) bool {
				visit(t, slices.Contains(m.programs[:m.roots], t))
				return true
			})
		}
		if !root {
			order = append(order, n)
		}
	}
	for i, n := range m.programs {
		visit(n, i < m.roots)
	}
	return order
}

// loadSlots loads a program and puts it into its slots.
func (m *model) loadSlots(c *core, n *node) error {
	var p *bpfx.Program
	for k, a := range m.arrays {
		for _, i := range a.order {
			if a.slots[i] != n {
				continue
			}
			if p == nil {
				var err error
				if p, err = c.load(n); err != nil {
					return fmt.Errorf("array %q, slot %d: %w", a.name, i, err)
				}
			}
			if err := c.put(c.arrays[k], i, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// load loads a program with the chain's maps in place of their names.
func (c *core) load(n *node) (*bpfx.Program, error) {
	spec, err := c.resolve(n.spec)
	if err != nil {
		return nil, fmt.Errorf("program %q: %w", n.name, err)
	}
	p, err := bpfx.Load(spec, c.spec.programOptions())
	if err != nil {
		return nil, c.explainLoad(n, err)
	}
	n.loaded = p
	c.nodes[p] = n
	c.owned = append(c.owned, p)
	return p, nil
}

// resolve returns spec with maps in place of their names.
func (c *core) resolve(spec *ebpf.ProgramSpec) (*ebpf.ProgramSpec, error) {
	var changed *ebpf.ProgramSpec
	for i := range spec.Instructions {
		ins := &spec.Instructions[i]
		if !ins.IsLoadFromMap() || ins.Reference() == "" || ins.Map() != nil || int32(ins.Constant) > 0 {
			continue
		}
		m := c.mapByName(ins.Reference())
		if m == nil {
			return nil, fmt.Errorf("map %q isn't loaded, since no program of the chain referred to it: have Load load this one too, in Others", ins.Reference())
		}
		if changed == nil {
			changed = spec.Copy()
		}
		if err := changed.Instructions[i].AssociateMap(m); err != nil {
			return nil, err
		}
	}
	if changed == nil {
		return spec, nil
	}
	return changed, nil
}

func (c *core) mapByName(name string) *ebpf.Map { return (&Chain{core: c}).Map(name) }

// maps returns what of the collection the programs need, and the arrays.
func (m *model) maps() *ebpf.CollectionSpec {
	need := &ebpf.CollectionSpec{Maps: make(map[string]*ebpf.MapSpec), Variables: make(map[string]*ebpf.VariableSpec)}
	for _, a := range m.arrays {
		spec := &ebpf.MapSpec{Name: a.name, Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4}
		if s := m.spec.mapSpec(a.name); s != nil {
			spec = s.Copy()
			spec.Contents = nil
		}
		spec.MaxEntries = a.max
		need.Maps[a.name] = spec
	}
	coll := m.spec.Collection
	if coll == nil {
		return need
	}
	need.Types, need.ByteOrder = coll.Types, coll.ByteOrder
	for _, n := range m.programs {
		for _, id := range n.code.refs {
			part.AddMap(need, coll, id.name)
		}
	}
	part.AddVariables(need, coll)
	return need
}

// mapOptions returns Options for the maps of part.
func (s *Spec) mapOptions(part *ebpf.CollectionSpec) *ebpf.CollectionOptions {
	if s.Options == nil {
		return nil
	}
	o := &ebpf.CollectionOptions{Maps: s.Options.Maps, MapReplacements: maps.Clone(s.Options.MapReplacements), Cache: s.Options.Cache}
	maps.DeleteFunc(o.MapReplacements, func(name string, _ *ebpf.Map) bool { return part.Maps[name] == nil })
	return o
}

func (s *Spec) programOptions() *ebpf.ProgramOptions {
	if s.Options == nil {
		return nil
	}
	return &s.Options.Programs
}

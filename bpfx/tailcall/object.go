package tailcall

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// ObjectOptions say what an object file doesn't. The zero value will do if its
// arrays have static initialisers (__array(values, ...) in C) and just one
// program that makes tail calls is in none of them.
//
// Programs are named by their keys in ebpf.CollectionSpec.Programs, which for
// an object file are the names of their functions.
type ObjectOptions struct {
	// Entry is the name of the program to attach.
	Entry string
	// Slots has the names of programs by array and slot, beside static
	// initialisers and instead of them.
	Slots map[string]map[uint32]string
	// Others has the names of further programs to load along, beside those
	// that make tail calls and are in no slot.
	Others []string
}

// FromCollectionSpec makes a Spec of the programs of an object file that
// belong to its program arrays: those in slots, the entry, and others that
// call through an array. The array that the entry calls first is the chain's
// own, the rest are nested. opts may be nil. coll is not changed.
//
// Programs whose section names start with "?" are left out unless something
// names them, as libbpf does: they can be put in later, by [Chain.Swap].
//
// Returns an error that lists what there is if the object has no program
// array, if a name isn't there, or if the entry isn't named and can't be told.
func FromCollectionSpec(coll *ebpf.CollectionSpec, opts *ObjectOptions) (*Spec, error) {
	if coll == nil {
		return nil, errors.New("chain of an object: nil spec")
	}
	if opts == nil {
		opts = new(ObjectOptions)
	}
	o := &object{coll: coll, opts: opts, inSlot: make(map[string]bool)}
	s, err := o.chain()
	if err != nil {
		return nil, fmt.Errorf("chain of an object: %w", err)
	}
	return s, nil
}

// object is an object file that is being read.
type object struct {
	coll   *ebpf.CollectionSpec
	opts   *ObjectOptions
	arrays []Array
	inSlot map[string]bool
}

func (o *object) chain() (*Spec, error) {
	for _, name := range sortedKeys(o.coll.Maps) {
		if m := o.coll.Maps[name]; m != nil && m.Type == ebpf.ProgramArray {
			a, err := o.array(name, m)
			if err != nil {
				return nil, fmt.Errorf("array %q: %w", name, err)
			}
			o.arrays = append(o.arrays, a)
		}
	}
	if len(o.arrays) == 0 {
		return nil, errors.New("it has no program arrays")
	}
	for _, name := range sortedKeys(o.opts.Slots) {
		if o.find(name) < 0 {
			return nil, fmt.Errorf("no array %q, which Slots names: it has %s", name, list(o.arrayNames()))
		}
	}
	entry, err := o.entry()
	if err != nil {
		return nil, err
	}
	s := &Spec{Entry: o.coll.Programs[entry], Collection: o.coll}
	for _, name := range sortedKeys(o.coll.Programs) {
		if name == entry || o.inSlot[name] {
			continue
		}
		if slices.Contains(o.opts.Others, name) || o.calls(name) {
			s.Others = append(s.Others, o.coll.Programs[name])
		}
	}
	for _, name := range o.opts.Others {
		if o.coll.Programs[name] == nil {
			return nil, fmt.Errorf("Others: %w", o.unknown(name))
		}
	}
	o.split(s, entry)
	return s, nil
}

// array reads the slots of an array.
func (o *object) array(name string, m *ebpf.MapSpec) (Array, error) {
	names := make(map[uint32]string)
	for _, kv := range m.Contents {
		i, ok := kv.Key.(uint32)
		program, isName := kv.Value.(string)
		if !ok || !isName {
			return Array{}, fmt.Errorf("initialiser %v: %v isn't the name of a program for a slot", kv.Key, kv.Value)
		}
		names[i] = program
	}
	for i, program := range o.opts.Slots[name] {
		names[i] = program
	}
	a := Array{Map: name, MaxEntries: m.MaxEntries}
	for _, i := range sortedKeys(names) {
		p := o.coll.Programs[names[i]]
		if p == nil {
			return Array{}, fmt.Errorf("slot %d: %w", i, o.unknown(names[i]))
		}
		o.inSlot[names[i]] = true
		a.Slots = append(a.Slots, Slot{Index: i, Program: p})
	}
	return a, nil
}

// entry returns the name of the entry.
func (o *object) entry() (string, error) {
	if name := o.opts.Entry; name != "" {
		if o.coll.Programs[name] == nil {
			return "", fmt.Errorf("Entry: %w", o.unknown(name))
		}
		return name, nil
	}
	var fit []string
	for _, name := range sortedKeys(o.coll.Programs) {
		if !o.inSlot[name] && o.calls(name) {
			fit = append(fit, name)
		}
	}
	switch len(fit) {
	case 1:
		return fit[0], nil
	case 0:
		return "", fmt.Errorf("no program outside of slots makes tail calls: set Entry to one of %s", o.programNames())
	}
	return "", fmt.Errorf("several programs outside of slots make tail calls: set Entry to one of %s", strings.Join(fit, ", "))
}

// calls reports whether a program that isn't optional refers to an array.
func (o *object) calls(program string) bool {
	p := o.coll.Programs[program]
	return p != nil && !strings.HasPrefix(p.SectionName, "?") && len(o.called(program)) > 0
}

// called returns the arrays that a program refers to, in that order.
func (o *object) called(program string) (arrays []string) {
	p := o.coll.Programs[program]
	if p == nil {
		return nil
	}
	for i := range p.Instructions {
		ins := &p.Instructions[i]
		if !ins.IsLoadFromMap() {
			continue
		}
		if name := ins.Reference(); o.find(name) >= 0 && !slices.Contains(arrays, name) {
			arrays = append(arrays, name)
		}
	}
	return arrays
}

// split gives the chain the array that the entry calls first.
func (o *object) split(s *Spec, entry string) {
	own := 0
	if called := o.called(entry); len(called) > 0 {
		own = o.find(called[0])
	}
	s.Map, s.MaxEntries, s.Slots = o.arrays[own].Map, o.arrays[own].MaxEntries, o.arrays[own].Slots
	s.Nested = slices.Delete(slices.Clone(o.arrays), own, own+1)
}

func (o *object) find(array string) int {
	return slices.IndexFunc(o.arrays, func(a Array) bool { return a.Map == array })
}

func (o *object) arrayNames() (names []string) {
	for _, a := range o.arrays {
		names = append(names, a.Map)
	}
	return names
}

func (o *object) programNames() string {
	return strings.Join(sortedKeys(o.coll.Programs), ", ")
}

func (o *object) unknown(program string) error {
	return fmt.Errorf("no program %q: it has %s", program, o.programNames())
}

package structops

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/bpfx/go/internal/part"
)

// FromCollectionSpec returns a Spec for each struct_ops map of a collection,
// sorted by the name of the map, which is that of the C variable.
//
// A collection has lost which program belongs to which variable: it only knows
// for which member of which type one is. So it is refused if it has two
// variables of one type; take [FromELF] for those.
func FromCollectionSpec(coll *ebpf.CollectionSpec) ([]*Spec, error) {
	if coll == nil {
		return nil, errors.New("read collection: nil spec")
	}
	var specs []*Spec
	variables := make(map[string]string)
	for name, m := range coll.Maps {
		if m == nil || m.Type != ebpf.StructOpsMap {
			continue
		}
		s, err := fromMap(coll, m)
		if err != nil {
			return nil, fmt.Errorf("read collection: struct_ops map %q: %w", name, err)
		}
		if first, ok := variables[s.Type]; ok {
			return nil, fmt.Errorf("read collection: %q and %q are both of type %s, and the collection doesn't tell which programs are whose: use FromELF",
				min(first, name), max(first, name), s.Type)
		}
		variables[s.Type] = name
		s.Variable = name
		specs = append(specs, s)
	}
	if len(specs) == 0 {
		return nil, errors.New("read collection: it has no struct_ops map")
	}
	slices.SortFunc(specs, func(a, b *Spec) int { return strings.Compare(a.Variable, b.Variable) })
	return specs, nil
}

func fromMap(coll *ebpf.CollectionSpec, m *ebpf.MapSpec) (*Spec, error) {
	st, ok := btf.As[*btf.Struct](m.Value)
	if !ok {
		return nil, errors.New("its value is no struct")
	}
	if len(m.Contents) != 1 {
		return nil, fmt.Errorf("it has %d values, not one", len(m.Contents))
	}
	data, ok := m.Contents[0].Value.([]byte)
	if !ok || len(data) < int(st.Size) {
		return nil, fmt.Errorf("its value isn't the %d bytes of struct %s", st.Size, st.Name)
	}
	s := newSpec(st)
	const linkFlag = 1 << 13 // BPF_F_LINK
	s.NoLink = m.Flags&linkFlag == 0
	for _, member := range st.Members {
		found := false
		for _, p := range coll.Programs {
			if p.AttachTo == st.Name+":"+member.Name {
				s.Funcs[member.Name] = p
				found = true
			}
		}
		if found {
			continue
		}
		if err := setData(s, member, data); err != nil {
			return nil, err
		}
	}
	useMaps(s, coll)
	return s, nil
}

// newSpec returns a Spec of a C struct's type. What follows ___ in its name
// tells versions of the struct apart, as everywhere in CO-RE (Compile Once,
// Run Everywhere).
func newSpec(st *btf.Struct) *Spec {
	name, _, _ := strings.Cut(st.Name, "___")
	return &Spec{Type: name, Funcs: make(map[string]*ebpf.ProgramSpec), Data: make(map[string]any)}
}

// setData sets a data member to what a C variable has, unless that is zero.
func setData(s *Spec, m btf.Member, data []byte) error {
	if m.BitfieldSize > 0 {
		return fmt.Errorf("member %q is a bit field", m.Name)
	}
	size, err := btf.Sizeof(m.Type)
	if err != nil {
		return fmt.Errorf("member %q: %w", m.Name, err)
	}
	off := int(m.Offset.Bytes())
	if size < 0 || off+size > len(data) {
		return fmt.Errorf("member %q ends behind its struct", m.Name)
	}
	value := bytes.Clone(data[off : off+size])
	switch {
	case isZero(value):
	case m.Name == "name" && isChars(m.Type):
		text, _, _ := bytes.Cut(value, []byte{0})
		s.Name = string(text)
	default:
		s.Data[m.Name] = value
	}
	return nil
}

func isChars(t btf.Type) bool {
	a, ok := btf.As[*btf.Array](t)
	if !ok {
		return false
	}
	n, err := btf.Sizeof(a.Type)
	return err == nil && n == 1
}

// useMaps gives s the maps that its programs use, and those that these hold,
// with their variables.
func useMaps(s *Spec, coll *ebpf.CollectionSpec) {
	s.Maps, s.Variables = make(map[string]*ebpf.MapSpec), make(map[string]*ebpf.VariableSpec)
	need := &ebpf.CollectionSpec{Maps: s.Maps, Variables: s.Variables}
	for _, p := range s.Funcs {
		part.AddMapsOf(need, coll, p)
	}
	maps.DeleteFunc(s.Maps, func(_ string, m *ebpf.MapSpec) bool { return m.Type == ebpf.StructOpsMap })
	part.AddVariables(need, coll)
}

package structops

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// Sections that hold variables of struct_ops types.
const (
	sectionLink   = ".struct_ops.link"
	sectionNoLink = ".struct_ops"
)

// FromELF reads an object file and returns a Spec for each variable of a
// struct_ops type in its sections .struct_ops.link and .struct_ops, in the
// order in which they stand there. Each has the programs that the variable
// itself names, and the data that isn't zero. Programs that no variable names
// are left out. Each Spec has maps of its own when it is loaded; see
// [Spec.MapReplacements].
//
// The members that the variable's type has and the kernel hasn't do no harm
// unless they are set: [Validate] tells.
func FromELF(path string) ([]*Spec, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	defer f.Close() // only read from
	specs, err := fromReader(f)
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", path, err)
	}
	return specs, nil
}

// FromReader is [FromELF] for an object that is in memory, or embedded.
func FromReader(r io.ReaderAt) ([]*Spec, error) {
	if r == nil {
		return nil, errors.New("read object: nil reader")
	}
	specs, err := fromReader(r)
	if err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	return specs, nil
}

func fromReader(r io.ReaderAt) (_ []*Spec, err error) {
	defer func() {
		// debug/elf and those that build on it have panicked on damaged files.
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is damaged: %v", p)
		}
	}()
	data, err := io.ReadAll(io.NewSectionReader(r, 0, math.MaxInt64))
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if f.Machine != elf.EM_BPF || f.Class != elf.ELFCLASS64 {
		return nil, fmt.Errorf("it is for %v, not for BPF", f.Machine)
	}
	if !native(f.ByteOrder) {
		return nil, errors.New("it is of the other byte order")
	}
	coll, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(hide(data, f)))
	if err != nil {
		return nil, err
	}
	if coll.Types == nil {
		return nil, errors.New("it has no BTF: compile it with -g")
	}
	o := object{file: f, coll: coll}
	if o.symbols, err = f.Symbols(); err != nil {
		return nil, fmt.Errorf("read symbols: %w", err)
	}
	var specs []*Spec
	for i, sec := range f.Sections {
		if sec.Name != sectionLink && sec.Name != sectionNoLink || sec.Type != elf.SHT_PROGBITS {
			continue
		}
		more, err := o.section(i, sec)
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", sec.Name, err)
		}
		specs = append(specs, more...)
	}
	if len(specs) == 0 {
		return nil, fmt.Errorf("it has no variable in section %s or %s", sectionLink, sectionNoLink)
	}
	return specs, nil
}

// hide returns the object with the struct_ops sections marked as empty.
// cilium/ebpf refuses objects with a section .struct_ops, and mixes up the
// programs of several variables in .struct_ops.link; so it only gets to see the
// programs and maps.
func hide(data []byte, f *elf.File) []byte {
	data = bytes.Clone(data)
	const size, typ = 64, 4                // of Elf64_Shdr, and where its sh_type is
	table := f.ByteOrder.Uint64(data[40:]) // e_shoff
	for i, sec := range f.Sections {
		if sec.Name == sectionLink || sec.Name == sectionNoLink {
			f.ByteOrder.PutUint32(data[table+uint64(i)*size+typ:], uint32(elf.SHT_NOBITS))
		}
	}
	return data
}

// object is an object file.
type object struct {
	file    *elf.File
	coll    *ebpf.CollectionSpec
	symbols []elf.Symbol
}

// section returns the variables of one section.
func (o *object) section(index int, sec *elf.Section) ([]*Spec, error) {
	data, err := sec.Data()
	if err != nil {
		return nil, err
	}
	relocations, err := o.relocations(index)
	if err != nil {
		return nil, err
	}
	var ds *btf.Datasec
	if err := o.coll.Types.TypeByName(sec.Name, &ds); err != nil {
		return nil, err
	}
	var specs []*Spec
	for _, v := range ds.Vars {
		st, ok := btf.As[*btf.Struct](variableType(v.Type))
		if !ok {
			return nil, fmt.Errorf("variable %q is no struct", v.Type.TypeName())
		}
		if st.Name == "" {
			return nil, fmt.Errorf("variable %q is of a struct without a name: want one of the kernel's, such as struct tcp_congestion_ops", v.Type.TypeName())
		}
		if uint64(v.Offset)+uint64(st.Size) > uint64(len(data)) {
			return nil, fmt.Errorf("variable %q ends behind the section", v.Type.TypeName())
		}
		s, err := o.variable(st, v.Offset, data[v.Offset:v.Offset+st.Size], relocations)
		if err != nil {
			return nil, fmt.Errorf("variable %q: %w", v.Type.TypeName(), err)
		}
		s.Variable, s.NoLink = v.Type.TypeName(), sec.Name == sectionNoLink
		specs = append(specs, s)
	}
	return specs, nil
}

func variableType(t btf.Type) btf.Type {
	if v, ok := t.(*btf.Var); ok {
		return v.Type
	}
	return t
}

// variable makes a Spec of one variable. data are its bytes, base is where it is
// in its section.
func (o *object) variable(st *btf.Struct, base uint32, data []byte, relocations map[uint64]relocation) (*Spec, error) {
	s := newSpec(st)
	for _, m := range st.Members {
		off := m.Offset.Bytes()
		if rel, ok := relocations[uint64(base+off)]; ok {
			name, err := o.function(rel, data[off:])
			if err != nil {
				return nil, fmt.Errorf("member %q: %w", m.Name, err)
			}
			p := o.coll.Programs[name]
			if p == nil {
				return nil, fmt.Errorf("member %q: %q is no program: put it into SEC(\"struct_ops\")", m.Name, name)
			}
			s.Funcs[m.Name] = p
			continue
		}
		if err := setData(s, m, data); err != nil {
			return nil, err
		}
	}
	useMaps(s, o.coll)
	return s, nil
}

// relocation is what the linker would put somewhere.
type relocation struct{ symbol elf.Symbol }

// relocations returns those of a section, by offset.
func (o *object) relocations(target int) (map[uint64]relocation, error) {
	all := make(map[uint64]relocation)
	for _, sec := range o.file.Sections {
		if sec.Type != elf.SHT_REL || int(sec.Info) != target {
			continue
		}
		data, err := sec.Data()
		if err != nil {
			return nil, err
		}
		for ; len(data) >= 16; data = data[16:] { // Elf64_Rel
			info := o.file.ByteOrder.Uint64(data[8:])
			i := int(elf.R_SYM64(info)) - 1 // Symbols leaves out the first, which is none
			if i < 0 || i >= len(o.symbols) {
				return nil, fmt.Errorf("relocation to symbol %d of %d", i+1, len(o.symbols))
			}
			all[o.file.ByteOrder.Uint64(data)] = relocation{o.symbols[i]}
		}
	}
	return all, nil
}

// function returns the name of the function that a pointer is set to. A static
// one is named by its section, and the pointer's bytes are its place there.
func (o *object) function(rel relocation, at []byte) (string, error) {
	if elf.ST_TYPE(rel.symbol.Info) != elf.STT_SECTION {
		return rel.symbol.Name, nil
	}
	if len(at) < 8 {
		return "", errors.New("it is no pointer")
	}
	value := o.file.ByteOrder.Uint64(at)
	for _, sym := range o.symbols {
		if elf.ST_TYPE(sym.Info) == elf.STT_FUNC && sym.Section == rel.symbol.Section && sym.Value == value {
			return sym.Name, nil
		}
	}
	return "", fmt.Errorf("no function at %d of the section", value)
}

// native reports whether an object is of this machine's byte order.
func native(order binary.ByteOrder) bool {
	return order.Uint16([]byte{1, 0}) == binary.NativeEndian.Uint16([]byte{1, 0})
}

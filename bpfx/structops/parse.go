package structops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfx/go/internal/btf"
)

// valuePrefix starts the names of the structs that the kernel wraps each
// struct_ops type in.
const valuePrefix = "bpf_struct_ops_"

// ParseTypes describes the struct_ops types in the raw BTF of a kernel, such as
// the content of /sys/kernel/btf/vmlinux, sorted by name. kernel is the
// kernel's version, such as "6.12": some rules depend on it. It needs neither
// that kernel nor Linux.
func ParseTypes(vmlinux []byte, kernel string) ([]*Type, error) {
	raw, err := btf.Parse(vmlinux, nil)
	if err != nil {
		return nil, fmt.Errorf("parse BTF: %w", err)
	}
	types, err := parseTypes(raw, "", kernel)
	if err != nil {
		return nil, fmt.Errorf("parse BTF: %w", err)
	}
	return types, nil
}

// parseTypes finds the types in the BTF of the kernel or of a module.
func parseTypes(raw *btf.Raw, module, kernel string) ([]*Type, error) {
	var types []*Type
	for value := range raw.Prefixed(btf.KindStruct, valuePrefix) {
		p := parser{raw: raw}
		if t := p.typ(value); p.err != nil {
			return nil, fmt.Errorf("%s: %w", value.Name, p.err)
		} else if t != nil {
			t.Module, t.Kernel = module, kernel
			types = append(types, t)
		}
	}
	slices.SortFunc(types, func(a, b *Type) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range types {
		nameArgs(raw, t)
	}
	return types, nil
}

// parser reads one type. err is the first error.
type parser struct {
	raw *btf.Raw
	err error
}

// typ returns the type that a value struct wraps, nil if it isn't one. It is a
// value struct by the kernel's own test (kernel/bpf/bpf_struct_ops.c,
// is_valid_value_type): its last member is struct <X>, and what comes before is
// struct bpf_struct_ops_common_value; before 6.9, refcnt and state.
func (p *parser) typ(value btf.Record) *Type {
	name := strings.TrimPrefix(value.Name, valuePrefix)
	fields := p.fields(value)
	switch {
	case len(fields) == 2 && p.resolve(fields[0].Type).Name == valuePrefix+"common_value":
	case len(fields) == 3 && fields[0].Name == "refcnt" && fields[1].Name == "state":
	default:
		return nil
	}
	data := fields[len(fields)-1]
	inner := p.resolve(data.Type)
	if inner.Kind != btf.KindStruct || inner.Name != name {
		return nil
	}
	t := &Type{
		Name:      name,
		Size:      int(inner.Ref),
		valueID:   value.ID,
		valueSize: int(value.Ref),
		data:      int(data.Bits / 8),
	}
	for i, f := range p.fields(inner) {
		m := p.member(f)
		m.index = i
		t.Members = append(t.Members, m)
	}
	if p.err == nil && t.data+t.Size > t.valueSize {
		p.err = fmt.Errorf("%d bytes at %d of %d", t.Size, t.data, t.valueSize)
	}
	return t
}

func (p *parser) member(f btf.Field) Member {
	m := Member{
		Name:   f.Name,
		Offset: int(f.Bits / 8),
		Size:   p.size(f.Type),
		decl:   p.declare(f.Type, f.Name),
	}
	if f.Size != 0 {
		m.decl += fmt.Sprintf(" : %d", f.Size)
	}
	rec := p.resolve(f.Type)
	switch rec.Kind {
	case btf.KindPtr:
		if proto := p.resolve(rec.Ref); proto.Kind == btf.KindFuncProto {
			m.Func, m.Return = true, p.declare(proto.Ref, "")
			for i, a := range p.fields(proto) {
				m.Args = append(m.Args, Arg{Name: argName(a.Name, i), Type: p.declare(a.Type, ""), Size: p.size(a.Type)})
			}
			return m
		}
	case btf.KindArray:
		elem, _ := rec.Element()
		e := p.resolve(elem)
		m.chars = e.Kind == btf.KindInt && e.Ref == 1
	case btf.KindInt, btf.KindEnum, btf.KindEnum64:
		m.scalar, m.signed = f.Size == 0, rec.Signed()
	}
	m.Type = p.declare(f.Type, "")
	return m
}

func (p *parser) fields(rec btf.Record) []btf.Field {
	fields, err := p.raw.Fields(rec)
	p.note(err)
	return fields
}

func (p *parser) resolve(id uint32) btf.Record {
	rec, _, err := p.raw.Resolve(id)
	p.note(err)
	return rec
}

func (p *parser) size(id uint32) int {
	n, err := p.raw.Sizeof(id)
	p.note(err)
	return int(n)
}

func (p *parser) declare(id uint32, name string) string {
	text, err := p.raw.Declare(id, name)
	p.note(err)
	return text
}

func (p *parser) note(err error) {
	if p.err == nil {
		p.err = err
	}
}

func argName(name string, i int) string {
	if name == "" {
		return fmt.Sprintf("arg%d", i)
	}
	return name
}

// nameArgs gives arguments the names that BTF doesn't have for pointers to
// functions: those of the kernel's stub, a function <type>__<member>, or else
// of the rules.
func nameArgs(raw *btf.Raw, t *Type) {
	rules := RulesFor(t.Name)
	for i, m := range t.Members {
		if r, ok := rules.Member(m.Name, t.Kernel); ok && len(r.Args) == len(m.Args) {
			for j, a := range r.Args {
				t.Members[i].Args[j].Name = a[strings.LastIndexAny(a, " *")+1:]
			}
		}
	}
	for fn := range raw.Prefixed(btf.KindFunc, t.Name+"__") {
		m, ok := t.Member(strings.TrimPrefix(fn.Name, t.Name+"__"))
		p := parser{raw: raw}
		args := p.fields(p.resolve(fn.Ref))
		if !ok || p.err != nil || len(args) != len(m.Args) {
			continue
		}
		for j, a := range args {
			if a.Name != "" {
				// __nullable and __ref tell the verifier about the argument.
				name, _, _ := strings.Cut(a.Name, "__")
				t.Members[m.index].Args[j].Name = name
			}
		}
	}
}

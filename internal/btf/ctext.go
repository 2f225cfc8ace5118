package btf

import (
	"fmt"
	"strings"
)

// Damaged BTF may have cycles, and functions of many functions of many more.
const (
	maxDepth    = 32      // how deep types are followed
	maxDeclared = 1000    // of how many types a declaration is made
	maxSize     = 1 << 30 // of a type, in bytes
)

// Resolve follows typedefs and qualifiers to the type behind them. ok is false
// for void.
func (r *Raw) Resolve(id uint32) (rec Record, ok bool, err error) {
	for range maxDepth {
		if id == 0 {
			return Record{}, false, nil
		}
		if rec, err = r.Type(id); err != nil {
			return Record{}, false, err
		}
		switch rec.Kind {
		case KindTypedef, KindConst, KindVolatile, KindRestrict, KindTypeTag:
			id = rec.Ref
		default:
			return rec, true, nil
		}
	}
	return Record{}, false, fmt.Errorf("type %d: %w", id, errBadBTF)
}

// Sizeof returns the size of a type, in bytes.
func (r *Raw) Sizeof(id uint32) (uint32, error) {
	n := uint64(1)
	for range maxDepth {
		rec, ok, err := r.Resolve(id)
		if err != nil || !ok {
			return 0, err
		}
		size := uint32(0)
		switch rec.Kind {
		case KindArray:
			id, size = rec.Element()
		case KindPtr:
			size = 8
		case KindInt, KindStruct, KindUnion, KindEnum, KindEnum64, KindFloat:
			size = rec.Ref
		}
		if n *= uint64(size); n > maxSize {
			return 0, errBadBTF
		}
		if rec.Kind != KindArray {
			return uint32(n), nil
		}
	}
	return 0, errBadBTF
}

// Declare returns a C declaration of name with a type; "" for name gives the
// type alone.
func (r *Raw) Declare(id uint32, name string) (string, error) {
	d := declarer{Raw: r}
	return d.declare(id, name)
}

// declarer makes a declaration.
type declarer struct {
	*Raw
	types, depth int // how many it is made of so far, and is inside of
}

func (d *declarer) declare(id uint32, name string) (string, error) {
	if id == 0 {
		return join("void", name), nil
	}
	rec, err := d.Type(id)
	if err != nil {
		return "", err
	}
	d.types, d.depth = d.types+1, d.depth+1
	defer func() { d.depth-- }()
	if d.types > maxDeclared || d.depth > maxDepth {
		return "", fmt.Errorf("type %d: %w", id, errBadBTF)
	}
	tag := func(keyword string) string {
		if rec.Name == "" {
			return keyword + " { ... }"
		}
		return keyword + " " + rec.Name
	}
	switch rec.Kind {
	case KindStruct:
		return join(tag("struct"), name), nil
	case KindUnion:
		return join(tag("union"), name), nil
	case KindEnum, KindEnum64:
		return join(tag("enum"), name), nil
	case KindFwd:
		if rec.flag {
			return join(tag("union"), name), nil
		}
		return join(tag("struct"), name), nil
	case KindPtr:
		return d.declare(rec.Ref, "*"+name)
	case KindConst:
		return d.qualify("const", rec.Ref, name)
	case KindVolatile:
		return d.qualify("volatile", rec.Ref, name)
	case KindRestrict, KindTypeTag:
		return d.declare(rec.Ref, name)
	case KindArray:
		elem, n := rec.Element()
		return d.declare(elem, fmt.Sprintf("%s[%d]", bracket(name), n))
	case KindFuncProto:
		params, err := d.params(rec)
		if err != nil {
			return "", err
		}
		return d.declare(rec.Ref, bracket(name)+"("+params+")")
	}
	return join(rec.Name, name), nil
}

// qualify puts a qualifier where C has it: behind the star of a pointer.
func (d *declarer) qualify(word string, id uint32, name string) (string, error) {
	if rec, ok, err := d.Resolve(id); err == nil && ok && rec.Kind == KindPtr {
		return d.declare(id, word+" "+name)
	}
	text, err := d.declare(id, name)
	return word + " " + text, err
}

// params returns the parameters of a function as C text.
func (d *declarer) params(rec Record) (string, error) {
	fields, err := d.Fields(rec)
	if err != nil {
		return "", err
	}
	if len(fields) == 0 {
		return "void", nil
	}
	list := make([]string, len(fields))
	for i, f := range fields {
		if f.Type == 0 {
			list[i] = "..." // how BTF ends variable arguments
			continue
		}
		if list[i], err = d.declare(f.Type, f.Name); err != nil {
			return "", err
		}
	}
	return strings.Join(list, ", "), nil
}

// join puts a name behind a type.
func join(typ, name string) string {
	if name == "" || strings.HasPrefix(name, "[") {
		return typ + name
	}
	return typ + " " + name
}

// bracket puts parentheses around the name of a pointer that is about to become
// one to an array or a function.
func bracket(name string) string {
	if strings.HasPrefix(name, "*") {
		return "(" + name + ")"
	}
	return name
}

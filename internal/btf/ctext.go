package btf

import (
	"fmt"
	"strings"
)

// maxDepth bounds how deep types are followed: damaged BTF may have cycles.
const maxDepth = 32

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
		switch rec.Kind {
		case KindArray:
			elem, count := rec.Element()
			id = elem
			if n *= uint64(count); n > 1<<30 {
				return 0, errBadBTF
			}
		case KindPtr:
			return uint32(8 * n), nil
		case KindInt, KindStruct, KindUnion, KindEnum, KindEnum64, KindFloat:
			if n *= uint64(rec.Ref); n > 1<<30 {
				return 0, errBadBTF
			}
			return uint32(n), nil
		default:
			return 0, nil
		}
	}
	return 0, errBadBTF
}

// Declare returns a C declaration of name with a type; "" for name gives the
// type alone.
func (r *Raw) Declare(id uint32, name string) (string, error) {
	return r.declare(id, name, maxDepth)
}

func (r *Raw) declare(id uint32, name string, depth int) (string, error) {
	if id == 0 {
		return join("void", name), nil
	}
	rec, err := r.Type(id)
	if err != nil {
		return "", err
	}
	if depth--; depth < 0 {
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
		return r.declare(rec.Ref, "*"+name, depth)
	case KindConst:
		return r.qualify("const", rec.Ref, name, depth)
	case KindVolatile:
		return r.qualify("volatile", rec.Ref, name, depth)
	case KindRestrict, KindTypeTag:
		return r.declare(rec.Ref, name, depth)
	case KindArray:
		elem, n := rec.Element()
		return r.declare(elem, fmt.Sprintf("%s[%d]", bracket(name), n), depth)
	case KindFuncProto:
		params, err := r.params(rec, depth)
		if err != nil {
			return "", err
		}
		return r.declare(rec.Ref, bracket(name)+"("+params+")", depth)
	}
	return join(rec.Name, name), nil
}

// qualify puts a qualifier where C has it: behind the star of a pointer.
func (r *Raw) qualify(word string, id uint32, name string, depth int) (string, error) {
	if rec, ok, err := r.Resolve(id); err == nil && ok && rec.Kind == KindPtr {
		return r.declare(id, word+" "+name, depth)
	}
	text, err := r.declare(id, name, depth)
	return word + " " + text, err
}

// params returns the parameters of a function as C text.
func (r *Raw) params(rec Record, depth int) (string, error) {
	fields, err := r.Fields(rec)
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
		if list[i], err = r.declare(f.Type, f.Name, depth); err != nil {
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

package btf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// Kinds of types (include/uapi/linux/btf.h, BTF_KIND_*).
const (
	KindInt = iota + 1
	KindPtr
	KindArray
	KindStruct
	KindUnion
	KindEnum
	KindFwd
	KindTypedef
	KindVolatile
	KindConst
	KindRestrict
	KindFunc
	KindFuncProto
	KindVar
	KindDatasec
	KindFloat
	KindDeclTag
	KindTypeTag
	KindEnum64
)

// Raw is BTF with an index of its types. Making the index takes some 2 ms for
// a kernel's; types are decoded when they are asked for. The methods may be
// called from many goroutines.
type Raw struct {
	base   *Raw
	types  []byte
	strs   []byte
	starts []uint32 // where each type starts in types
	first  uint32   // the id of the first
	strOff uint32   // what string offsets of the base end at
}

// Record is one type as it stands in BTF.
type Record struct {
	ID   uint32
	Kind int
	Name string
	// Ref is the type it refers to, such as what a pointer points to; of
	// those that have a size, it is that, in bytes.
	Ref  uint32
	vlen int
	flag bool // kind_flag
	data []byte
}

// Field is a member of a struct or union, or a parameter of a function.
type Field struct {
	Name string
	Type uint32
	Bits uint32 // offset, in bits
	Size uint32 // of a bit field, in bits; 0 if it is none
}

// errBadBTF is returned when BTF contradicts itself.
var errBadBTF = errors.New("BTF is damaged")

// Parse indexes raw BTF. base is what a module's is split from, nil for the
// kernel's own. raw must not be changed afterwards.
func Parse(raw []byte, base *Raw) (*Raw, error) {
	types, strs, err := sections(raw)
	if err != nil {
		return nil, err
	}
	r := &Raw{base: base, types: types, strs: strs, first: 1}
	if base != nil {
		r.first = base.first + uint32(len(base.starts))
		r.strOff = base.strOff + uint32(len(base.strs))
	}
	r.starts = make([]uint32, 0, len(types)/28) // 28 bytes is the mean in kernels
	for at := 0; at < len(types); {
		if len(types)-at < 12 {
			return nil, errBadBTF
		}
		r.starts = append(r.starts, uint32(at))
		info := binary.NativeEndian.Uint32(types[at+4:])
		n := trailing(info)
		if n < 0 || n > len(types)-at-12 {
			return nil, errBadBTF
		}
		at += 12 + n
	}
	return r, nil
}

// trailing returns how many bytes follow struct btf_type, -1 if that isn't known.
func trailing(info uint32) int {
	vlen := int(info & 0xffff)
	switch info >> 24 & 0x1f {
	case KindPtr, KindFwd, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindFloat, KindTypeTag:
		return 0
	case KindInt, KindVar, KindDeclTag:
		return 4
	case KindArray:
		return 12
	case KindStruct, KindUnion, KindDatasec, KindEnum64:
		return 12 * vlen
	case KindEnum, KindFuncProto:
		return 8 * vlen
	}
	return -1
}

// Type returns a type by id. 0 is void and has no record.
func (r *Raw) Type(id uint32) (Record, error) {
	for r != nil && id < r.first {
		r = r.base
	}
	if r == nil || id-r.first >= uint32(len(r.starts)) {
		return Record{}, fmt.Errorf("type %d: %w", id, errBadBTF)
	}
	return r.record(id)
}

func (r *Raw) record(id uint32) (Record, error) {
	b := r.types[r.starts[id-r.first]:]
	info := binary.NativeEndian.Uint32(b[4:])
	name, err := r.name(binary.NativeEndian.Uint32(b))
	return Record{
		ID:   id,
		Kind: int(info >> 24 & 0x1f),
		Name: name,
		Ref:  binary.NativeEndian.Uint32(b[8:]),
		vlen: int(info & 0xffff),
		flag: info>>31 != 0,
		data: b[12 : 12+trailing(info)],
	}, err
}

// Prefixed returns the types of one kind whose names start with prefix, those
// of the base left out.
func (r *Raw) Prefixed(kind int, prefix string) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for i, start := range r.starts {
			b := r.types[start:]
			if int(binary.NativeEndian.Uint32(b[4:])>>24&0x1f) != kind {
				continue
			}
			if off := binary.NativeEndian.Uint32(b); off == 0 || !r.hasPrefix(off, prefix) {
				continue
			}
			if rec, err := r.record(r.first + uint32(i)); err == nil && !yield(rec) {
				return
			}
		}
	}
}

// table returns the strings that an offset is in, and where it is there.
func (r *Raw) table(off uint32) ([]byte, uint32) {
	for r.base != nil && off < r.strOff {
		r = r.base
	}
	return r.strs, off - r.strOff
}

func (r *Raw) hasPrefix(off uint32, prefix string) bool {
	strs, off := r.table(off)
	return uint64(off) < uint64(len(strs)) && bytes.HasPrefix(strs[off:], []byte(prefix))
}

func (r *Raw) name(off uint32) (string, error) {
	strs, off := r.table(off)
	if int64(off) >= int64(len(strs)) {
		return "", fmt.Errorf("string %d: %w", off, errBadBTF)
	}
	end := bytes.IndexByte(strs[off:], 0)
	if end < 0 {
		return "", fmt.Errorf("string %d: %w", off, errBadBTF)
	}
	return string(strs[off : int(off)+end]), nil
}

// Fields returns the members of a struct or union, or the parameters of a
// function.
func (r *Raw) Fields(rec Record) ([]Field, error) {
	size := 12
	if rec.Kind == KindFuncProto {
		size = 8
	}
	switch rec.Kind {
	case KindStruct, KindUnion, KindFuncProto:
	default:
		return nil, nil
	}
	fields := make([]Field, rec.vlen)
	for i := range fields {
		b := rec.data[i*size:]
		name, err := r.name(binary.NativeEndian.Uint32(b))
		if err != nil {
			return nil, err
		}
		f := Field{Name: name, Type: binary.NativeEndian.Uint32(b[4:])}
		if size == 12 {
			f.Bits = binary.NativeEndian.Uint32(b[8:])
			if rec.flag {
				f.Bits, f.Size = f.Bits&0xffffff, f.Bits>>24
			}
		}
		fields[i] = f
	}
	return fields, nil
}

// Element returns the type of an array's elements and how many it has.
func (rec Record) Element() (typ, n uint32) {
	if rec.Kind != KindArray {
		return 0, 0
	}
	return binary.NativeEndian.Uint32(rec.data), binary.NativeEndian.Uint32(rec.data[8:])
}

// Signed reports whether an integer or enum has a sign.
func (rec Record) Signed() bool {
	switch rec.Kind {
	case KindInt:
		return binary.NativeEndian.Uint32(rec.data)>>24&1 != 0
	case KindEnum, KindEnum64:
		return rec.flag
	}
	return false
}

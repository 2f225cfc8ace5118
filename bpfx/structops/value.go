package structops

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
)

// encode returns the bytes of a data member for a Go value.
func (m Member) encode(v any) ([]byte, error) {
	b := make([]byte, m.Size)
	rv := reflect.ValueOf(v)
	switch {
	case v == nil:
		return b, fmt.Errorf("nil is no value for %s", m.decl)
	case m.scalar:
		return b, m.encodeScalar(b, rv)
	case m.chars && rv.Kind() == reflect.String:
		if rv.Len() >= m.Size {
			return b, fmt.Errorf("%d characters don't fit %s", rv.Len(), m.decl)
		}
		copy(b, rv.String())
		return b, nil
	case rv.Kind() == reflect.Slice && rv.Type().Elem().Kind() == reflect.Uint8:
		if rv.Len() > m.Size || rv.Len() < m.Size && !m.chars {
			return b, fmt.Errorf("%d bytes for %s, which has %d", rv.Len(), m.decl, m.Size)
		}
		copy(b, rv.Bytes())
		return b, nil
	case rv.CanInt() && rv.Int() == 0, rv.CanUint() && rv.Uint() == 0:
		return b, nil // zero will do for anything
	case (rv.CanInt() || rv.CanUint()) && m.Size == 8 && !m.chars:
		return b, putInt(b, rv, false) // a pointer
	}
	return b, fmt.Errorf("%T is no value for %s", v, m.decl)
}

func (m Member) encodeScalar(b []byte, rv reflect.Value) error {
	switch {
	case rv.Kind() == reflect.Bool:
		if rv.Bool() {
			return putInt(b, reflect.ValueOf(1), m.signed)
		}
		return nil
	case rv.CanInt(), rv.CanUint():
		if err := putInt(b, rv, m.signed); err != nil {
			return fmt.Errorf("%v doesn't fit %s", rv, m.decl)
		}
		return nil
	case rv.Kind() == reflect.Slice && rv.Type().Elem().Kind() == reflect.Uint8 && rv.Len() == len(b):
		copy(b, rv.Bytes())
		return nil
	}
	return fmt.Errorf("%v is no value for %s", rv.Type(), m.decl)
}

// putInt writes an integer if it fits.
func putInt(b []byte, rv reflect.Value, signed bool) error {
	bits := 8 * len(b)
	errRange := fmt.Errorf("%v doesn't fit %d bits", rv, bits)
	var u uint64
	if rv.CanInt() {
		i := rv.Int()
		if i < 0 && (!signed || i < math.MinInt64>>(64-bits)) {
			return errRange
		}
		if i >= 0 && uint64(i) > maxInt(bits, signed) {
			return errRange
		}
		u = uint64(i)
	} else if u = rv.Uint(); u > maxInt(bits, signed) {
		return errRange
	}
	switch len(b) {
	case 1:
		b[0] = byte(u)
	case 2:
		binary.NativeEndian.PutUint16(b, uint16(u))
	case 4:
		binary.NativeEndian.PutUint32(b, uint32(u))
	case 8:
		binary.NativeEndian.PutUint64(b, u)
	default:
		return fmt.Errorf("no integer has %d bits", bits)
	}
	return nil
}

func maxInt(bits int, signed bool) uint64 {
	if signed {
		bits--
	}
	return math.MaxUint64 >> (64 - bits)
}

// toUint is the reverse of putInt.
func toUint(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(b))
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	case 8:
		return binary.NativeEndian.Uint64(b)
	}
	return 0
}

func isZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// value returns the bytes of the kernel's value struct: the data of s and the
// descriptors of programs, by member.
func (t *Type) value(s *Spec, programs map[string]int) ([]byte, error) {
	value := make([]byte, t.valueSize)
	put := func(m Member, b []byte) { copy(value[t.data+m.Offset:], b) }
	for name, v := range s.Data {
		m, ok := t.Member(name)
		if !ok {
			return nil, fmt.Errorf("%s has no member %q", t.Name, name)
		}
		b, err := m.encode(v)
		if err != nil {
			return nil, fmt.Errorf("member %q: %w", name, err)
		}
		put(m, b)
	}
	if m, ok := t.Member("name"); ok && m.chars {
		b, err := m.encode(s.Name)
		if err != nil {
			return nil, fmt.Errorf("member %q: %w", "name", err)
		}
		put(m, b)
	}
	for name, fd := range programs {
		m, _ := t.Member(name)
		b := make([]byte, 8) // pointers are unsigned long here, as in the kernel
		binary.NativeEndian.PutUint64(b, uint64(fd))
		put(m, b[:min(m.Size, 8)])
	}
	return value, nil
}

// nameOf returns the member "name" of a value struct, "" if there is none.
func (t *Type) nameOf(value []byte) string {
	m, ok := t.Member("name")
	if !ok || !m.chars || len(value) < t.data+m.Offset+m.Size {
		return ""
	}
	b := value[t.data+m.Offset:][:m.Size]
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

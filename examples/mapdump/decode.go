package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cilium/ebpf/btf"
)

// decode makes a value of the bytes of a type: a bool, an int64, uint64, float64
// or string, a list of values, or an object. What has no type, or another one than
// the bytes, is a string of hexadecimal digits.
func decode(typ btf.Type, b []byte) any {
	if typ == nil {
		return hex(b)
	}
	if size, err := btf.Sizeof(typ); err != nil || size > len(b) {
		return hex(b)
	}
	switch t := btf.UnderlyingType(typ).(type) {
	case *btf.Int:
		return integer(b[:t.Size], t.Encoding)
	case *btf.Enum:
		return enum(t, b[:t.Size])
	case *btf.Float:
		return float(b[:t.Size])
	case *btf.Pointer:
		return fmt.Sprintf("%#x", binary.NativeEndian.Uint64(b))
	case *btf.Array:
		return array(t, b)
	case *btf.Struct:
		return members(t.Members, b)
	case *btf.Union:
		return members(t.Members, b)
	case *btf.Datasec:
		return variables(t, b)
	}
	return hex(b)
}

func hex(b []byte) string { return fmt.Sprintf("% x", b) }

func integer(b []byte, enc btf.IntEncoding) any {
	if len(b) > 8 {
		return hex(b)
	}
	u := bits(b, 0, 8*len(b))
	switch enc {
	case btf.Bool:
		return u != 0
	case btf.Signed:
		return signed(u, 8*len(b))
	}
	return u
}

// bits returns n bits from bit off on, at most 64.
func bits(b []byte, off, n int) uint64 {
	var v [16]byte
	first, last := off/8, (off+n+7)/8
	off -= 8 * first
	size := copy(v[:], b[first:last])
	lo := binary.LittleEndian.Uint64(v[:])
	hi := uint64(v[8])
	shift := off
	if !littleEndian {
		// The first bit is the highest there: it is shifted to the end.
		lo, hi = 0, 0
		for _, c := range v[:size] {
			hi = hi<<8 | lo>>56
			lo = lo<<8 | uint64(c)
		}
		shift = 8*size - off - n
	}
	u := lo >> shift
	if shift > 0 {
		u |= hi << (64 - shift)
	}
	if n < 64 {
		u &= 1<<n - 1
	}
	return u
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// signed extends the sign of a number of n bits.
func signed(u uint64, n int) int64 {
	return int64(u<<(64-n)) >> (64 - n)
}

func enum(t *btf.Enum, b []byte) any {
	u := bits(b, 0, 8*len(b))
	return enumerator(t, u, len(b)*8)
}

// enumerator returns the name of a number of n bits, or the number.
func enumerator(t *btf.Enum, u uint64, n int) any {
	for _, v := range t.Values {
		if v.Value == u || n < 64 && v.Value&(1<<n-1) == u {
			return v.Name
		}
	}
	if t.Signed {
		return signed(u, n)
	}
	return u
}

func float(b []byte) any {
	var f float64
	switch len(b) {
	case 4:
		f = float64(math.Float32frombits(binary.NativeEndian.Uint32(b)))
	case 8:
		f = math.Float64frombits(binary.NativeEndian.Uint64(b))
	default:
		return hex(b)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Sprint(f) // JSON has none
	}
	return f
}

// array makes a string of chars that are printable up to the first zero, with
// zeros from there on, and a list of all else.
func array(t *btf.Array, b []byte) any {
	size, err := btf.Sizeof(t.Type)
	if err != nil {
		return hex(b)
	}
	n := int(t.Nelems)
	if char, ok := btf.As[*btf.Int](t.Type); ok && size == 1 && (char.Name == "char" || char.Encoding == btf.Char) {
		if text, ok := printable(b[:n]); ok {
			return text
		}
	}
	if size == 0 { // there may be four billion of them
		n = 0
	}
	items := make([]any, n)
	for i := range items {
		items[i] = decode(t.Type, b[i*size:(i+1)*size])
	}
	return items
}

func printable(b []byte) (string, bool) {
	text, rest, _ := bytes.Cut(b, []byte{0})
	for _, c := range text {
		if c < ' ' || c > '~' {
			return "", false
		}
	}
	return string(text), len(bytes.Trim(rest, "\x00")) == 0
}

// members decodes a struct or a union. The members of one without a name are
// those of what it is in.
func members(list []btf.Member, b []byte) object {
	var o object
	for _, m := range list {
		if m.BitfieldSize > 0 {
			o = append(o, field{m.Name, bitfield(m, b)})
			continue
		}
		v := decode(m.Type, b[m.Offset.Bytes():])
		inner, unnamed := v.(object)
		if m.Name == "" && unnamed {
			o = append(o, inner...)
			continue
		}
		o = append(o, field{m.Name, v})
	}
	return o
}

func bitfield(m btf.Member, b []byte) any {
	off, n := int(m.Offset), int(m.BitfieldSize)
	if n > 64 || off+n > 8*len(b) {
		return hex(b)
	}
	u := bits(b, off, n)
	switch t := btf.UnderlyingType(m.Type).(type) {
	case *btf.Enum:
		return enumerator(t, u, n)
	case *btf.Int:
		switch t.Encoding {
		case btf.Bool:
			return u != 0
		case btf.Signed:
			return signed(u, n)
		}
	}
	return u
}

// variables decodes the value of a map of global variables.
func variables(t *btf.Datasec, b []byte) object {
	var o object
	for _, v := range t.Vars {
		end := int(v.Offset) + int(v.Size)
		if x, ok := v.Type.(*btf.Var); ok && end <= len(b) {
			o = append(o, field{x.Name, decode(x.Type, b[v.Offset:end])})
		}
	}
	return o
}

package iter

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"unsafe"
)

// A decoder turns the bytes of a record into a T. It is made once per T, and
// looks at no type while it decodes.
type decoder[T any] struct {
	size int // bytes of a record
	layout
}

// newDecoder refuses a T that isn't the same on both sides: one with pointers
// in any form, or with numbers whose size depends on the platform.
func newDecoder[T any]() (decoder[T], error) {
	l, err := layoutOf(reflect.TypeFor[T]())
	return decoder[T]{l.size, l}, err
}

// decode sets out to the record at the start of b, which has d.size bytes at
// least and need not be aligned.
func (d *decoder[T]) decode(b []byte, out *T) {
	d.layout.decode(b, unsafe.Pointer(out))
}

// A layout says how a C struct of a 64-bit kernel becomes a Go value. The
// two are the same on 64-bit platforms, save for a field of no size at the end
// of a Go struct; on 32-bit ones Go aligns 64-bit numbers to 4 bytes.
type layout struct {
	size  int    // of the C struct, in bytes
	align int    // of the C struct, in bytes
	plain bool   // one copy does it
	moves []move // from the C struct to the Go value
	bools []move // what has to be 0 or 1 in the Go value
}

// A move is n bytes that are at one offset in C and at another in Go.
type move struct{ c, g, n int }

func (l *layout) decode(b []byte, out unsafe.Pointer) {
	b = b[:l.size]
	if l.plain {
		copy(unsafe.Slice((*byte)(out), len(b)), b)
		return
	}
	for _, m := range l.moves {
		copy(unsafe.Slice((*byte)(unsafe.Add(out, m.g)), m.n), b[m.c:m.c+m.n])
	}
	for _, m := range l.bools {
		for i, v := range b[m.c : m.c+m.n] {
			*(*bool)(unsafe.Add(out, m.g+i)) = v != 0
		}
	}
}

// layoutOf returns the layout of a type of fixed size.
func layoutOf(t reflect.Type) (layout, error) {
	l, bad := measure(t)
	switch {
	case bad == nil:
	case bad.path == "":
		return layout{}, fmt.Errorf("type %s: %w", t, bad.err)
	default:
		return layout{}, fmt.Errorf("type %s: field %s: %w", t, bad.path, bad.err)
	}
	if l.size == 0 {
		return layout{}, fmt.Errorf("type %s has no size: use a type of the record's size", t)
	}
	if l.same(t) {
		l.moves = []move{{0, 0, l.size}} // padding and all
		l.plain = len(l.bools) == 0
	}
	return l, nil
}

// same reports whether everything is where it is in C.
func (l *layout) same(t reflect.Type) bool {
	differs := func(m move) bool { return m.c != m.g }
	return int(t.Size()) >= l.size && !slices.ContainsFunc(l.moves, differs) && !slices.ContainsFunc(l.bools, differs)
}

// badField is where in a type something can't be decoded, and why.
type badField struct {
	path string // as in a.b[].c; "" for the type itself
	err  error
}

// in puts the name of what contains it in front of the path.
func (f *badField) in(name string) *badField {
	if f.path != "" && f.path[0] != '[' {
		name += "."
	}
	f.path = name + f.path
	return f
}

// measure returns the layout of a type, which may be empty.
func measure(t reflect.Type) (layout, *badField) {
	size := int(t.Size())
	switch t.Kind() {
	case reflect.Bool:
		return layout{size: 1, align: 1, bools: []move{{0, 0, 1}}}, nil
	case reflect.Int8, reflect.Uint8, reflect.Int16, reflect.Uint16, reflect.Int32, reflect.Uint32,
		reflect.Int64, reflect.Uint64, reflect.Float32, reflect.Float64:
		return layout{size: size, align: size, moves: []move{{0, 0, size}}}, nil
	case reflect.Complex64, reflect.Complex128:
		return layout{size: size, align: size / 2, moves: []move{{0, 0, size}}}, nil
	case reflect.Array:
		return measureArray(t)
	case reflect.Struct:
		return measureStruct(t)
	}
	return layout{}, &badField{err: refusal(t)}
}

func measureArray(t reflect.Type) (layout, *badField) {
	one, bad := measure(t.Elem())
	if bad != nil {
		return layout{}, bad.in("[]")
	}
	n := t.Len()
	if one.size > 0 && n > maxRecord/one.size {
		return layout{}, &badField{err: fmt.Errorf("%d times %d bytes are more than any record has", n, one.size)}
	}
	l := layout{size: n * one.size, align: one.align}
	switch {
	case n == 0 || one.size == 0:
	case len(one.bools) == 0 && len(one.moves) == 1 && one.moves[0].n == one.size && int(t.Elem().Size()) == one.size:
		l.moves = []move{{0, 0, l.size}} // not one for each of a million bytes
	default:
		for i := range n {
			l.add(&one, i*one.size, i*int(t.Elem().Size()))
		}
	}
	return l, nil
}

func measureStruct(t reflect.Type) (layout, *badField) {
	l := layout{align: 1}
	for i := range t.NumField() {
		f := t.Field(i)
		one, bad := measure(f.Type)
		if bad != nil {
			return layout{}, bad.in(f.Name)
		}
		at := roundUp(l.size, one.align)
		if at > maxRecord-one.size {
			return layout{}, &badField{f.Name, errors.New("it is beyond the size of any record")}
		}
		l.add(&one, at, int(f.Offset))
		l.size, l.align = at+one.size, max(l.align, one.align)
	}
	l.size = roundUp(l.size, l.align)
	return l, nil
}

// add puts a part at an offset in C and in Go.
func (l *layout) add(part *layout, c, g int) {
	for _, m := range part.moves {
		l.moves = appendMove(l.moves, move{c + m.c, g + m.g, m.n})
	}
	for _, m := range part.bools {
		l.bools = appendMove(l.bools, move{c + m.c, g + m.g, m.n})
	}
}

// maxRecord bounds the size of types: the largest value that a map can have.
const maxRecord = 1<<31 - 1

// appendMove appends a move, or lengthens the last one if it follows at once.
func appendMove(moves []move, m move) []move {
	if n := len(moves); n > 0 {
		last := &moves[n-1]
		if m.c == last.c+last.n && m.g == last.g+last.n {
			last.n += m.n
			return moves
		}
	}
	return append(moves, m)
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// refusal says why a type can't be in a record, and what can.
func refusal(t reflect.Type) error {
	switch t.Kind() {
	case reflect.Int:
		return errors.New("the size of int depends on the platform: use int32 or int64")
	case reflect.Uint:
		return errors.New("the size of uint depends on the platform: use uint32 or uint64")
	case reflect.Uintptr:
		return errors.New("the size of uintptr depends on the platform: use uint64")
	case reflect.Pointer, reflect.UnsafePointer:
		return fmt.Errorf("%s is a pointer, and a record's would be one of the kernel: use uint64", t)
	case reflect.String:
		return fmt.Errorf("%s has no fixed size: use an array, such as [16]byte", t)
	case reflect.Slice:
		return fmt.Errorf("%s has no fixed size: use an array, such as [16]%s", t, t.Elem())
	}
	return fmt.Errorf("%s can't be in a record: use numbers, arrays and structs", t)
}

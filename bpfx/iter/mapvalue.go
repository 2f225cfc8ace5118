package iter

import (
	"fmt"
	"reflect"
	"runtime"
	"unsafe"
)

// A block is n entries: each key is so many bytes after the one before, and so
// is each value.
type block struct {
	n                  int
	keys, values       []byte
	keyStep, valueStep int
}

// A part turns the bytes of a key or a value into a T.
type part[T any] struct {
	plain bool // the bytes are those of a T
	other func([]byte, *T)
}

func (p *part[T]) decode(b []byte, out *T) {
	if p.plain {
		*out = *(*T)(unsafe.Pointer(unsafe.SliceData(b)))
		return
	}
	p.other(b, out)
}

// unaligned says that this platform reads numbers from any address.
const unaligned = runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" || runtime.GOARCH == "386" ||
	runtime.GOARCH == "ppc64le" || runtime.GOARCH == "s390x"

// keyDecoder returns what turns the bytes of a key into a K.
func keyDecoder[K any](t *table) (part[K], error) {
	return entryDecoder[K](t, "key", t.keySize)
}

// valueDecoder returns what turns the bytes of a value into a V; of values per
// CPU it is made for each pass anew.
func valueDecoder[V any](t *table) (all part[V], each func() part[V], err error) {
	if t.cpus > 0 {
		each, err = perCPUDecoder[V](t)
		return all, each, err
	}
	all, err = entryDecoder[V](t, "value", t.valueSize)
	return all, nil, err
}

// entryDecoder returns what turns size bytes into a T.
func entryDecoder[T any](t *table, what string, size int) (part[T], error) {
	if _, raw := any((*T)(nil)).(*Raw); raw {
		return part[T]{other: func(b []byte, out *T) { *any(out).(*Raw) = b[:size:size] }}, nil
	}
	d, err := decoderOf[T]()
	if err != nil {
		return part[T]{}, fmt.Errorf("dump %v: the %s: %w", t.m, what, err)
	}
	if d.size != size {
		return part[T]{}, t.sizeError(what, reflect.TypeFor[T](), d.size, size)
	}
	if unaligned && d.plain && int(unsafe.Sizeof(*new(T))) == size {
		return part[T]{plain: true}, nil
	}
	kept := d // d itself stays on the stack
	return part[T]{other: kept.decode}, nil
}

func (t *table) sizeError(what string, typ reflect.Type, has, want int) error {
	return fmt.Errorf("dump %v: %s type %v has %d bytes, the map's %ss have %d", t.m, what, typ, has, what, want)
}

// perCPUDecoder returns a decoder of a slice that has one element per CPU. In
// the bytes, each is followed by padding up to a multiple of 8.
func perCPUDecoder[V any](t *table) (func() part[V], error) {
	typ := reflect.TypeFor[V]()
	if typ.Kind() != reflect.Slice || typ == reflect.TypeFor[Raw]() {
		return nil, fmt.Errorf("dump %v: it has a value for each of %d CPUs: V must be a slice, such as []%v", t.m, t.cpus, typ)
	}
	step := roundUp(t.valueSize, 8)
	if typ.Elem() == reflect.TypeFor[Raw]() {
		raw := part[V]{other: func(b []byte, out *V) {
			list := make([]Raw, t.cpus)
			for i := range list {
				list[i] = b[i*step : i*step+t.valueSize : i*step+t.valueSize]
			}
			reflect.ValueOf(out).Elem().Set(reflect.ValueOf(list).Convert(typ))
		}}
		return func() part[V] { return raw }, nil
	}
	elem, err := layoutOf(typ.Elem())
	if err != nil {
		return nil, fmt.Errorf("dump %v: the value: %w", t.m, err)
	}
	if elem.size != t.valueSize {
		return nil, t.sizeError("value", typ.Elem(), elem.size, t.valueSize)
	}
	size := int(typ.Elem().Size())
	return func() part[V] {
		s := slab{typ: typ, n: t.cpus}
		return part[V]{other: func(b []byte, out *V) {
			base := s.next()
			for i := range t.cpus {
				elem.decode(b[i*step:], unsafe.Add(base, i*size))
			}
			*(*sliceHeader)(unsafe.Pointer(out)) = sliceHeader{base, t.cpus, t.cpus}
		}}
	}, nil
}

// sliceHeader is a slice as the Go runtime has it.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

// A slab hands out arrays of n elements of a slice's type. It makes many at
// once: a map has as many entries as these, and each keeps its array.
type slab struct {
	typ  reflect.Type // of the slice
	n    int
	rest unsafe.Pointer
	left int // arrays
}

// slabBytes is how much is made at once, in bytes. One array that is kept keeps
// as much alive.
const slabBytes = 4096

func (s *slab) next() unsafe.Pointer {
	size := s.n * int(s.typ.Elem().Size())
	if s.left == 0 {
		s.left = max(1, slabBytes/size)
		s.rest = reflect.MakeSlice(s.typ, s.left*s.n, s.left*s.n).UnsafePointer()
	}
	base := s.rest
	s.left--
	if s.left > 0 {
		s.rest = unsafe.Add(base, size)
	}
	return base
}

package iter

import (
	"fmt"
	"io"
	stditer "iter"
	"reflect"
	"sync"
	"unsafe"
)

// Records reads a session as values of type T, one for each record that the
// program writes. T has a fixed size and no pointers, and is laid out as the C
// struct is that the program writes; arrays of bytes stand for strings. It is
// checked once; records are then copied.
//
// Each loop is a session. An error comes last, once, with the zero T: a T that
// can't be decoded, or whose size isn't that of the program's records as far as
// [LoadSpec] could tell it, output that ends inside a record, and errors of
// starting and reading. Leaving the loop ends the session.
func Records[T any](it *Iterator) stditer.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		d, err := decoderOf[T]()
		if err != nil {
			err = fmt.Errorf("read iterator: %w", err)
		} else {
			err = blocks(it, d.size, reflect.TypeFor[T](), func(whole []byte) bool { return d.each(whole, yield) })
		}
		if err != nil {
			var zero T
			yield(zero, err)
		}
	}
}

// each yields the records of a block, which is aligned as the records are, and
// returns false if it is to stop.
func (d *decoder[T]) each(block []byte, yield func(T, error) bool) bool {
	if d.plain && unsafe.Sizeof(*new(T)) == uintptr(d.size) {
		for _, v := range unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(block))), len(block)/d.size) {
			if !yield(v, nil) {
				return false
			}
		}
		return true
	}
	var v T
	for ; len(block) >= d.size; block = block[d.size:] {
		d.decode(block, &v)
		if !yield(v, nil) {
			return false
		}
	}
	return true
}

// Bytes reads a session as records of a size in bytes. A record is only valid
// until the next iteration. Errors are those of [Records], with nil.
func Bytes(it *Iterator, size int) stditer.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		err := blocks(it, size, nil, func(block []byte) bool {
			for ; len(block) >= size; block = block[size:] {
				if !yield(block[:size:size], nil) {
					return false
				}
			}
			return true
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// decoders has the decoder of each type that was used: map[reflect.Type]decoder[T].
var decoders sync.Map

// decoderOf is newDecoder, once for each type.
func decoderOf[T any]() (decoder[T], error) {
	t := reflect.TypeFor[T]()
	if d, ok := decoders.Load(t); ok {
		return d.(decoder[T]), nil
	}
	d, err := newDecoder[T]()
	if err == nil {
		decoders.Store(t, d)
	}
	return d, err
}

// checkSize compares the size of records, of type t if there is one, with what
// is known of the program.
func (s *session) checkSize(size int, t reflect.Type) error {
	const most = maxRecord - 1<<20 // with room for a read, also where int has 32 bits
	if size <= 0 || size > most {
		return fmt.Errorf("read iterator: records of %d bytes: the size must be above 0, and at most %d", size, most)
	}
	known := recall(s.program).size
	if known == 0 || known == size {
		return nil
	}
	if t != nil {
		return fmt.Errorf("read iterator: type %v has %d bytes, the program writes records of %d", t, size, known)
	}
	return fmt.Errorf("read iterator: records of %d bytes were asked for, the program writes %d", size, known)
}

// blocks starts a session and calls fn with blocks of whole records, of type t
// if there is one, until it returns false. The error is nil in that case.
func blocks(it *Iterator, size int, t reflect.Type, fn func([]byte) bool) error {
	return it.read(func(s *session) (left bool, err error) {
		if err := s.checkSize(size, t); err != nil {
			return false, err
		}
		records := newSplitter(s, size)
		defer records.release()
		for {
			block, err := records.next()
			if err == io.EOF { //nolint:errorlint // as next returns it
				return false, nil
			}
			if err != nil {
				return false, err
			}
			if len(block) > 0 && !fn(block) {
				return true, nil
			}
		}
	})
}

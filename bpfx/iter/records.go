package iter

import (
	"fmt"
	"io"
	stditer "iter"
	"reflect"
)

// Records reads a session as values of type T, one for each record that the
// program writes. T has a fixed size and no pointers, and is laid out as the C
// struct is that the program writes; arrays of bytes stand for strings. It is
// checked once; records are then copied.
//
// Each loop is a session. An error comes last, and with the zero T: a T that
// can't be decoded, or whose size isn't that of the program's records as far as
// [LoadSpec] could tell it, output that ends inside a record, and errors of
// starting and reading. Leaving the loop ends the session.
func Records[T any](it *Iterator) stditer.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var v, zero T
		d, err := newDecoder[T]()
		if err == nil {
			err = it.checkSize(d.size, reflect.TypeFor[T]())
		}
		if err != nil {
			yield(zero, fmt.Errorf("read iterator: %w", err))
			return
		}
		err = each(it, d.size, func(b []byte) bool {
			d.decode(b, &v)
			return yield(v, nil)
		})
		if err != nil {
			yield(zero, err)
		}
	}
}

// Bytes reads a session as records of a size in bytes. A record is only valid
// until the next iteration. Errors are those of [Records].
func Bytes(it *Iterator, size int) stditer.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		err := it.checkSize(size, nil)
		if err != nil {
			yield(nil, fmt.Errorf("read iterator: %w", err))
			return
		}
		err = each(it, size, func(b []byte) bool { return yield(b[:size:size], nil) })
		if err != nil {
			yield(nil, err)
		}
	}
}

// checkSize compares the size of records with what is known of the program.
func (it *Iterator) checkSize(size int, t reflect.Type) error {
	if it == nil {
		return errNilIterator
	}
	if size <= 0 || size > maxRecord {
		return fmt.Errorf("records of %d bytes: the size must be above 0, and at most %d", size, maxRecord)
	}
	known := int(it.size.Load())
	if known == 0 || known == size {
		return nil
	}
	if t != nil {
		return fmt.Errorf("type %v has %d bytes, the program writes records of %d", t, size, known)
	}
	return fmt.Errorf("records of %d bytes were asked for, the program writes %d", size, known)
}

// each starts a session and calls fn with each record until it returns false.
// The error is nil in that case.
func each(it *Iterator, size int, fn func([]byte) bool) (err error) {
	s, err := it.start()
	if err != nil {
		return err
	}
	left := false
	defer func() {
		// Who has left the loop has no use for an error, and nothing was written.
		if closeErr := s.Close(); err == nil && !left {
			err = closeErr
		}
	}()
	records := splitter{src: s, size: size}
	for {
		whole, err := records.next()
		for ; len(whole) > 0; whole = whole[size:] {
			if !fn(whole[:size]) {
				left = true
				return nil
			}
		}
		if err == io.EOF { //nolint:errorlint // as next returns it
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// splitter makes whole records of reads that may end inside one.
type splitter struct {
	src  interface{ read([]byte) (int, error) }
	size int // of a record, in bytes
	buf  []byte
	tail int // bytes at the start of buf of a record that isn't whole
	from int // where they lie now
}

// next reads once and returns the records that are whole then, which may be
// none. They are only valid until the next call. The error is io.EOF at the
// end.
func (s *splitter) next() ([]byte, error) {
	if s.buf == nil {
		s.buf = make([]byte, s.size-1+chunk)
	}
	copy(s.buf, s.buf[s.from:s.from+s.tail])
	s.from = 0
	n, err := s.src.read(s.buf[s.tail : s.tail+chunk])
	if err == io.EOF && s.tail > 0 { //nolint:errorlint // as read returns it
		return nil, fmt.Errorf("read iterator: the output ends inside a record of %d bytes, %d bytes are over: %w", s.size, s.tail, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return nil, err
	}
	n += s.tail
	s.tail = n % s.size
	s.from = n - s.tail
	return s.buf[:s.from], nil
}

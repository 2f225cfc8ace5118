package iter

import (
	"fmt"
	"io"
	"sync"
)

// splitter makes blocks of whole records of reads that may end inside one.
type splitter struct {
	src  *session
	size int // of a record, in bytes
	buf  []byte
	from int // where in buf a record starts that isn't whole yet
	tail int // how many bytes of it there are
}

// buffers are those of sessions that have ended: []byte, as pointers.
var buffers sync.Pool

func newSplitter(src *session, size int) *splitter {
	s := &splitter{src: src, size: size}
	// A read that begins behind nearly a whole record needs most room.
	n := size - 1 + chunk
	if buf, ok := buffers.Get().(*[]byte); ok && cap(*buf) >= n {
		s.buf = (*buf)[:n]
	} else {
		s.buf = make([]byte, n)
	}
	return s
}

// release gives the buffer to later sessions.
func (s *splitter) release() {
	if cap(s.buf) <= 4*chunk { // huge records are rare
		buffers.Put(&s.buf)
	}
}

// next reads once and returns the records that are whole then, which may be
// none. They are only valid until the next call, and begin where the buffer
// does, so that records are aligned if their size allows it. The error is
// io.EOF at the end.
func (s *splitter) next() ([]byte, error) {
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

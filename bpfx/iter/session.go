package iter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/bpfx/go/bpfx"
)

// chunk is how many bytes a read returns at most: the kernel's buffer has eight
// pages (bpf_seq_read in kernel/bpf/bpf_iter.c). To ask for less is slower, and
// cuts iterators short that can't go on after a read, those of cgroups.
var chunk = 8 * os.Getpagesize()

// session is one walk over the objects. Its reads may end anywhere.
type session struct {
	src     io.ReadCloser
	ctx     context.Context // nil for none
	program *bpfx.Program   // nil if it isn't at hand
}

// patience is how many reads in a row may return nothing without being the last.
// Each has gone over a million objects, or none: a program that returns 1 asks
// for the same object again, and may do so for ever.
const patience = 10_000

// read reads once. It returns 0 bytes with an error only, which is io.EOF at the
// end.
func (s *session) read(b []byte) (int, error) {
	for silent := 0; ; silent++ {
		if s.ctx != nil && s.ctx.Err() != nil {
			return 0, fmt.Errorf("read iterator: %w", context.Cause(s.ctx))
		}
		n, err := s.src.Read(b)
		switch {
		case n > 0:
			return n, nil // an error comes again
		case err == nil || again(err):
			if silent < patience {
				continue
			}
			return 0, fmt.Errorf("read iterator: the program returned 1 for the same object %d times: return 0 to go on: %w", silent, cmp.Or(err, io.ErrNoProgress))
		case err == io.EOF: //nolint:errorlint // never wrapped by a reader
			return 0, err
		}
		return 0, fmt.Errorf("read iterator: %w", explainRead(err))
	}
}

// all reads to the end.
func (s *session) all() ([]byte, error) {
	var data []byte
	for {
		data = slices.Grow(data, chunk)
		n, err := s.read(data[len(data) : len(data)+chunk])
		data = data[:len(data)+n]
		if err == io.EOF { //nolint:errorlint // as read returns it
			return data, nil
		}
		if err != nil {
			return data, err
		}
	}
}

func (s *session) Close() error { return s.src.Close() }

// reader is a session for those who read as little at a time as they like.
type reader struct {
	session
	buf    []byte
	rest   []byte // of buf, what was not asked for yet
	closed atomic.Bool
}

// Read implements io.Reader.
func (r *reader) Read(b []byte) (int, error) {
	switch {
	case r.closed.Load():
		return 0, fmt.Errorf("read iterator: %w", os.ErrClosed)
	case len(b) == 0:
		return 0, nil
	case len(r.rest) > 0:
	case len(b) >= chunk:
		return r.read(b)
	default:
		if r.buf == nil {
			r.buf = make([]byte, chunk)
		}
		n, err := r.read(r.buf)
		if err != nil {
			return 0, err
		}
		r.rest = r.buf[:n]
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close ends the session. Closing twice is fine.
func (r *reader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	return r.session.Close()
}

// again reports whether a read is just to be repeated: the kernel went over a
// million objects that the program wrote nothing for, or a signal came.
func again(err error) bool { return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) }

// explainRead says what the kernel's errno of a read means.
func explainRead(err error) error {
	switch {
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("the program writes more for one object than the %d bytes that the kernel has room for: %w", chunk, err)
	case errors.Is(err, syscall.EOPNOTSUPP):
		return fmt.Errorf("the output is longer than the %d bytes that an iterator of cgroups has room for: write less, or start further down: %w", chunk, err)
	}
	return err
}

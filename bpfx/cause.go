package bpfx

import (
	"errors"
	"sync"
	"syscall"

	"github.com/cilium/ebpf"
)

// finding is a cause that was checked. [Explain] shows it; the error that
// carries it prints its first line.
type finding struct {
	why      string   // the cause, in a line, without full stop
	remedy   string   // what to do, in a line
	evidence []string // what was read, and where; a line each
}

// caused is an error with its cause. What depends on the moment or the thread
// is found out when the error is made, the rest when somebody asks: reading
// the kernel's symbols takes longer than many a failing call.
type caused struct {
	err  error
	once sync.Once
	look func() *finding // nil once it was called
	got  *finding        // nil: no cause was found
}

// because returns err with a cause that is known already.
func because(err error, f finding) error {
	return &caused{err: err, got: &f}
}

// later returns err with a cause that look finds when the error is printed or
// explained, once. look returns nil if it finds none.
func later(err error, look func() *finding) error {
	return &caused{err: err, look: look}
}

// cause returns c's own finding, nil if it has none.
func (c *caused) cause() *finding {
	c.once.Do(func() {
		if c.look != nil {
			c.got, c.look = c.look(), nil
		}
	})
	return c.got
}

// Error returns the cause and the errno. What lies between, such as how
// cilium/ebpf went about it, is left to Unwrap.
func (c *caused) Error() string {
	if findCause(c.err) == nil {
		if f := c.cause(); f != nil {
			return f.why + ": " + errnoText(c.err)
		}
	}
	return c.err.Error()
}

func (c *caused) Unwrap() error { return c.err }

// findCause returns the innermost finding in err's tree, which is the one that
// knows most, or nil. Of errors that are joined it is that of the first.
func findCause(err error) *finding {
	switch e := err.(type) { //nolint:errorlint // this walks the tree itself
	case *caused:
		if f := findCause(e.err); f != nil {
			return f
		}
		return e.cause()
	case interface{ Unwrap() error }:
		return findCause(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if f := findCause(part); f != nil {
				return f
			}
		}
	}
	return nil
}

// errnoText returns the text of the errno in err, and that of
// [ebpf.ErrNotSupported] before it if err wraps that too. Without either it is
// the text of err.
func errnoText(err error) string {
	text := err.Error()
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) && ve.Cause != nil {
		text = ve.Cause.Error() // without the log
	}
	var errno syscall.Errno
	hasErrno := errors.As(err, &errno)
	if hasErrno {
		text = errnoName(errno)
	}
	if errors.Is(err, ebpf.ErrNotSupported) {
		if !hasErrno {
			return ebpf.ErrNotSupported.Error()
		}
		return ebpf.ErrNotSupported.Error() + ": " + text
	}
	return text
}

// errnoName returns the text of an errno, also of the kernel's own, which has
// no text in libc (include/linux/errno.h).
func errnoName(errno syscall.Errno) string {
	const enotsupp = 524
	if errno == enotsupp {
		return "operation not supported (ENOTSUPP)"
	}
	return errno.Error()
}

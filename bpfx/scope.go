package bpfx

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/scope"
)

// WithProgram loads spec, calls fn with the program and closes it, which also
// detaches it.
//
// If loading fails, fn is not called and the error is returned, wrapped. When
// fn returns, its error comes back unchanged if closing works; an error of
// closing is joined to it. Closing is deferred, so it also happens if fn
// panics, or ends the goroutine as testing's FailNow does; panics are not
// recovered. The program must not be used after fn returns.
func WithProgram(spec *ebpf.ProgramSpec, fn func(*Program) error) error {
	return scope.With(func() (*Program, error) { return Load(spec, nil) }, fn)
}

// WithCollection loads spec, calls fn with the collection and closes it, which
// also detaches its programs. The contract is that of [WithProgram].
func WithCollection(spec *ebpf.CollectionSpec, fn func(*Collection) error) error {
	return scope.With(func() (*Collection, error) { return LoadCollection(spec, nil) }, fn)
}

// WithAttached loads spec, attaches the program to h and calls fn with both;
// then it detaches and closes. The contract is that of [WithProgram], for
// loading and attaching alike.
func WithAttached(spec *ebpf.ProgramSpec, h Hook, fn func(*Program, *Attachment) error) error {
	if fn == nil {
		return scope.ErrNilFunc
	}
	return WithProgram(spec, func(p *Program) error {
		return scope.With(
			func() (*Attachment, error) { return p.Attach(h) },
			func(a *Attachment) error { return fn(p, a) })
	})
}

// errNilDefer is returned when there is nothing to call on Close.
var errNilDefer = errors.New("defer: nil function")

// Scope closes many things together: the flat form of the With functions, for
// three and more. The zero value is ready. Its methods may be called from many
// goroutines.
//
//	var s bpfx.Scope
//	return s.Run(func() error {
//		p, err := bpfx.Load(spec, nil)
//		if err != nil {
//			return err
//		}
//		s.Defer(p.Close)
//		...
//	})
type Scope struct {
	mu      sync.Mutex
	closers []func() error
}

// Defer has Close call the function, before those that were deferred earlier.
// Close returns an error for a nil one.
func (s *Scope) Defer(close func() error) {
	if close == nil {
		close = func() error { return errNilDefer }
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closers = append(s.closers, close)
}

// Close calls what was deferred, last first, each once, and joins the errors.
// If one panics, the others are called all the same. The Scope is empty
// afterwards: closing twice is fine, and it can be used again.
func (s *Scope) Close() (err error) {
	s.mu.Lock()
	closers := s.closers
	s.closers = nil
	s.mu.Unlock()
	for _, c := range closers {
		defer func() { err = scope.Join(err, c()) }()
	}
	return nil
}

// Run calls fn and then Close. The contract is that of [WithProgram].
func (s *Scope) Run(fn func() error) error {
	if fn == nil {
		return fmt.Errorf("run scope: %w", scope.ErrNilFunc)
	}
	return scope.With(func() (*Scope, error) { return s, nil }, func(*Scope) error { return fn() })
}

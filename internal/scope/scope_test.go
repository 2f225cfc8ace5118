package scope_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/bpfx/go/internal/scope"
)

var (
	errOpen  = errors.New("open")
	errFn    = errors.New("fn")
	errClose = errors.New("close")
)

// A fake counts how often it is closed.
type fake struct {
	closed int
	err    error
}

func (f *fake) Close() error {
	f.closed++
	return f.err
}

func TestWith(t *testing.T) {
	for _, tt := range []struct {
		name            string
		open, fn, close error
		called          bool
		want            []error // what errors.Is must find
		same            error   // what must come back unchanged
	}{
		{name: "fine", called: true},
		{name: "open", open: errOpen, want: []error{errOpen}, same: errOpen},
		{name: "error", fn: errFn, called: true, want: []error{errFn}, same: errFn},
		{name: "close", close: errClose, called: true, want: []error{errClose}, same: errClose},
		{name: "both", fn: errFn, close: errClose, called: true, want: []error{errFn, errClose}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{err: tt.close}
			called := false
			err := scope.With(
				func() (*fake, error) { return f, tt.open },
				func(got *fake) error {
					if called = true; got != f || f.closed != 0 {
						t.Errorf("fn got %v, closed %d times", got, f.closed)
					}
					return tt.fn
				})
			if called != tt.called || (f.closed == 1) != tt.called {
				t.Errorf("called: %v, closed %d times; want %v", called, f.closed, tt.called)
			}
			if len(tt.want) == 0 && err != nil || tt.same != nil && err != tt.same { //nolint:errorlint // the very same error
				t.Errorf("With() = %v, want %v", err, tt.want)
			}
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("With() = %v, want %v in it", err, want)
				}
			}
		})
	}
}

func TestWithNilFunc(t *testing.T) {
	opened := false
	err := scope.With(func() (*fake, error) { opened = true; return &fake{}, nil }, nil)
	if !errors.Is(err, scope.ErrNilFunc) || opened {
		t.Errorf("With(nil) = %v, opened: %v", err, opened)
	}
}

func TestWithPanic(t *testing.T) {
	f := &fake{err: errClose}
	func() {
		defer func() {
			if got := recover(); got != "oops" {
				t.Errorf("recovered %v, want oops", got)
			}
		}()
		_ = scope.With(func() (*fake, error) { return f, nil }, func(*fake) error { panic("oops") })
	}()
	if f.closed != 1 {
		t.Errorf("closed %d times, want 1", f.closed)
	}
}

func TestWithGoexit(t *testing.T) {
	f := &fake{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = scope.With(func() (*fake, error) { return f, nil }, func(*fake) error { runtime.Goexit(); return nil })
	}()
	<-done
	if f.closed != 1 {
		t.Errorf("closed %d times, want 1", f.closed)
	}
}

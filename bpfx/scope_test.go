package bpfx_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx"
)

var (
	errFn    = errors.New("fn")
	errClose = errors.New("close")
)

// closer returns a function that notes name in log and returns err.
func closer(log *[]string, name string, err error) func() error {
	return func() error {
		*log = append(*log, name)
		return err
	}
}

func TestScope(t *testing.T) {
	for _, tt := range []struct {
		name      string
		fn, close error
		want      []error // what errors.Is must find
		same      error   // what Run must return, if that is an error of ours
	}{
		{"fine", nil, nil, nil, nil},
		{"error", errFn, nil, []error{errFn}, errFn},
		{"close error", nil, errClose, []error{errClose}, errClose},
		{"both", errFn, errClose, []error{errFn, errClose}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log []string
			var s bpfx.Scope
			err := s.Run(func() error {
				s.Defer(closer(&log, "first", nil))
				s.Defer(closer(&log, "second", tt.close))
				return tt.fn
			})
			if (err == nil) != (len(tt.want) == 0) || tt.same != nil && err != tt.same { //nolint:errorlint // the very same error
				t.Errorf("Run() = %v, want %v", err, tt.want)
			}
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("Run() = %v, want %v in it", err, want)
				}
			}
			if diff := cmp.Diff([]string{"second", "first"}, log); diff != "" {
				t.Errorf("closed (-want +got):\n%s", diff)
			}
			if err := s.Close(); err != nil || len(log) != 2 {
				t.Errorf("second Close() = %v, closed %v", err, log)
			}
		})
	}
}

func TestScopePanic(t *testing.T) {
	var log []string
	func() {
		defer func() {
			if got := recover(); got != "oops" {
				t.Errorf("recovered %v, want oops", got)
			}
		}()
		var s bpfx.Scope
		_ = s.Run(func() error {
			s.Defer(closer(&log, "first", nil))
			s.Defer(func() error { panic("oops") })
			s.Defer(closer(&log, "third", nil))
			return nil
		})
	}()
	if diff := cmp.Diff([]string{"third", "first"}, log); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
}

func TestScopeGoexit(t *testing.T) {
	var log []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		var s bpfx.Scope
		_ = s.Run(func() error {
			s.Defer(closer(&log, "first", nil))
			runtime.Goexit()
			return nil
		})
	}()
	<-done
	if diff := cmp.Diff([]string{"first"}, log); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
}

func TestScopeReuse(t *testing.T) {
	var log []string
	var s bpfx.Scope
	for range 2 {
		s.Defer(closer(&log, "closed", nil))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(log) != 2 {
		t.Errorf("closed %d times, want 2", len(log))
	}
	if err := s.Run(nil); err == nil {
		t.Error("Run(nil) = nil")
	}
	s.Defer(nil)
	s.Defer(closer(&log, "closed", nil))
	if err := s.Close(); err == nil || len(log) != 3 {
		t.Errorf("Close() after Defer(nil) = %v, closed %d times", err, len(log))
	}
}

package structops

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/bpfx/go/internal/testutil"
)

// mustLoad loads a spec for the time of the test.
func mustLoad(tb testing.TB, s *Spec) *Ops {
	tb.Helper()
	testutil.NeedRoot(tb)
	o, err := Load(s)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := o.Close(); err != nil {
			tb.Error(err)
		}
	})
	return o
}

// mustRegister loads and registers a spec for the time of the test.
func mustRegister(tb testing.TB, s *Spec) *Ops {
	tb.Helper()
	o := mustLoad(tb, s)
	if err := o.Register(); err != nil {
		tb.Fatal(err)
	}
	return o
}

// available reports whether sockets can ask for a congestion control.
func available(tb testing.TB, name string) bool {
	tb.Helper()
	names, err := AvailableTCPCC()
	if err != nil {
		tb.Fatal(err)
	}
	return slices.Contains(names, name)
}

// variants are the ways of registering.
var variants = []struct {
	name   string
	noLink bool
}{{"link", false}, {"no_link", true}}

func TestRegister(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			s := minimal("bpfx_register")
			s.NoLink = v.noLink
			o := mustLoad(t, s)
			if available(t, s.Name) || o.Registered() {
				t.Fatal("Load has registered it")
			}
			for range 3 {
				if err := o.Register(); err != nil {
					t.Fatal(err)
				}
				if !available(t, s.Name) || !o.Registered() {
					t.Fatal("it isn't registered after Register")
				}
				if err := o.Register(); !errors.Is(err, ErrRegistered) {
					t.Errorf("second Register() = %v, want ErrRegistered", err)
				}
				if err := o.Unregister(); err != nil {
					t.Fatal(err)
				}
				if available(t, s.Name) || o.Registered() {
					t.Fatal("it is registered after Unregister")
				}
				if err := o.Unregister(); !errors.Is(err, ErrNotRegistered) {
					t.Errorf("second Unregister() = %v, want ErrNotRegistered", err)
				}
			}
			if err := o.Register(); err != nil {
				t.Fatal(err)
			}
			if len(o.old) > 1 { // the last may take a moment
				t.Errorf("%d maps that no socket uses are kept", len(o.old))
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			if available(t, s.Name) {
				t.Error("it is registered after Close")
			}
			if err := o.Register(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("Register() after Close = %v, want os.ErrClosed", err)
			}
			if err := o.Close(); err != nil {
				t.Errorf("second Close() = %v", err)
			}
		})
	}
}

package bpfx_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestFreplace changes what a running program returns, and back.
func TestFreplace(t *testing.T) {
	testutil.Netns(t)
	h := replaceable(t)
	target := theReplaceable
	verdict := func() string {
		t.Helper()
		res, err := target.Run(bpfx.RunInput{Data: make([]byte, 64)})
		if err != nil {
			t.Fatal(err)
		}
		return res.Verdict
	}
	drop := loadSpec(t, hookTest{name: "freplace", since: "5.10"}, h.Spec(ret(1)))
	a, err := drop.Attach(bpfx.Freplace{}) // where it was loaded for
	if err != nil {
		t.Fatal(err)
	}
	if got := verdict(); got != "XDP_DROP" {
		t.Errorf("replaced: verdict = %s, want XDP_DROP", got)
	}

	abort := loadSpec(t, hookTest{name: "freplace", since: "5.10"}, h.Spec(ret(0)))
	if _, err := abort.Attach(h); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "replaced already") {
		t.Errorf("second Attach() = %v, want EBUSY", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := verdict(); got != "XDP_PASS" {
		t.Errorf("after Close: verdict = %s, want XDP_PASS", got)
	}
	_, err = drop.Attach(bpfx.Freplace{})
	if d := bpfx.Explain(err); d == nil || d.Cause != "it was attached before" || d.Remedy != "set Target and Func to attach it again" {
		t.Errorf("Attach without a target for the second time = %v, explained as %v", err, d)
	}
	if _, err := drop.Attach(h); err != nil {
		t.Errorf("Attach with a target for the second time: %v", err)
	}
	if got := verdict(); got != "XDP_DROP" {
		t.Errorf("replaced again: verdict = %s, want XDP_DROP", got)
	}

	closed := mustLoad(t, xdpSpec(2))
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		hook bpfx.Freplace
		want string
		is   error
	}{
		{"no function", bpfx.Freplace{Target: target.Program}, "set Func", nil},
		{"other function", bpfx.Freplace{Target: target.Program, Func: "nonexistent"}, `has no function "nonexistent"`, btf.ErrNotFound},
		{"closed target", bpfx.Freplace{Target: closed.Program, Func: "f"}, "target", os.ErrClosed},
		{"target without BTF", bpfx.Freplace{Target: mustLoad(t, xdpSpec(2)).Program, Func: "f"}, "", nil},
	} {
		_, err := abort.Attach(tt.hook)
		if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: Attach(%v) = %v, want %q", tt.name, tt.hook, err, tt.want)
		}
	}
}

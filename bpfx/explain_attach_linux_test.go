package bpfx_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestExplainAttachCapabilities attaches to hooks with the capabilities that
// diagnoses name: with those it must attach, and not before. It runs in a
// process of its own, since cilium/ebpf remembers what the kernel can't do.
func TestExplainAttachCapabilities(t *testing.T) {
	testutil.Netns(t)
	if os.Getenv("BPFX_TEST_AGAIN") == "" {
		again(t, nil)
		return
	}
	cgroup := testutil.Cgroup(t)
	for _, h := range []hook{
		bpfx.Tracepoint{Group: "sched", Name: "sched_process_fork"}, bpfx.RawTracepoint{Name: "sched_process_fork"},
		bpfx.Kprobe{Symbol: "inet_dgram_connect"}, bpfx.Kretprobe{Symbol: "inet_dgram_connect"}, probe(t), bpfx.Uretprobe(probe(t)), bpfx.PerfEvent{CPUs: []int{0}, Frequency: 1},
		bpfx.XDP{Interface: "lo"}, bpfx.SkLookup{}, bpfx.FlowDissector{}, bpfx.SkMsg{Map: sockmap(t)},
		bpfx.Cgroup{Path: cgroup, AttachType: ebpf.AttachCGroupInetIngress}, bpfx.Cgroup{Path: cgroup, AttachType: ebpf.AttachCGroupInet4Connect},
	} {
		t.Run(kind(h), func(t *testing.T) {
			p := mustLoad(t, h.Spec(ret(1)))
			attach := func() error {
				a, err := p.Attach(h)
				if err == nil {
					err = a.Close()
				}
				return err
			}
			if err := attach(); errors.Is(err, ebpf.ErrNotSupported) {
				t.Log(err)
				return // a hook that this kernel doesn't have
			} else if err != nil {
				t.Fatal(err)
			}
			mustNameCapabilities(t, attach)
		})
	}
}

// mustNameCapabilities calls fn with the capabilities that the diagnoses of its
// errors name, until it has no error.
func mustNameCapabilities(t *testing.T, fn func() error) {
	t.Helper()
	numbers := map[string]int{
		"CAP_BPF": unix.CAP_BPF, "CAP_PERFMON": unix.CAP_PERFMON, "CAP_NET_ADMIN": unix.CAP_NET_ADMIN, "CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN,
	}
	var caps []int
	for range 4 {
		err := withCapabilities(t, caps, fn)
		if err == nil {
			for i := range caps {
				if withCapabilities(t, append(append([]int(nil), caps[:i]...), caps[i+1:]...), fn) == nil {
					t.Errorf("it works without capability %d of %v", caps[i], caps)
				}
			}
			return
		}
		d := mustExplain(t, err, "")
		named := regexp.MustCompile(`CAP_[A-Z_]+`).FindAllString(d.Cause, -1)
		if strings.Contains(d.Cause, "perf_event_paranoid") || slices.Contains(named, "CAP_SYS_ADMIN") {
			named, caps = []string{"CAP_SYS_ADMIN"}, nil // it stands for the others
		}
		if len(named) == 0 {
			t.Fatalf("no capability in %q", d.Cause)
		}
		for _, name := range named {
			caps = append(caps, numbers[name])
		}
	}
	t.Errorf("it doesn't work with %v", caps)
}

// TestExplainPointer explains errors of hooks that are given by pointer.
func TestExplainPointer(t *testing.T) {
	testutil.Netns(t)
	p := mustLoad(t, bpfx.TCX{}.Spec(ret(-1)))
	err := withCapabilities(t, nil, func() error {
		_, err := p.Attach(&bpfx.PerfEvent{})
		return err
	})
	if d := bpfx.Explain(err); err == nil || d != nil {
		t.Errorf("a program of another type: %v, %v", err, d)
	}
	p = mustLoad(t, bpfx.PerfEvent{}.Spec(ret(1)))
	err = withCapabilities(t, nil, func() error {
		_, err := p.Attach(&bpfx.PerfEvent{CPUs: []int{0}, Frequency: 1})
		return err
	})
	mustExplain(t, err, "")
}

// TestExplainHiddenPin opens a pin in a directory that the process may not look
// into: what filesystem that is on isn't known.
func TestExplainHiddenPin(t *testing.T) {
	dir := testutil.BPFFS(t)
	path := filepath.Join(dir, "hidden", "deep", "pin")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := mustLoad(t, xdpSpec(2)).Pin(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(dir, "hidden"), 65534, 65534); err != nil { // root without capabilities is no owner
		t.Fatal(err)
	}
	err := withCapabilities(t, []int{unix.CAP_BPF, unix.CAP_NET_ADMIN}, func() error {
		p, err := bpfx.LoadPinned(path)
		if err == nil {
			p.Close()
		}
		return err
	})
	if !errors.Is(err, unix.EACCES) || errors.Is(err, bpfx.ErrNotBPFFS) {
		t.Errorf("LoadPinned() = %v, want EACCES", err)
	}
	if d := bpfx.Explain(err); d != nil {
		t.Errorf("Explain(%v) = %v, want nil", err, d)
	}
	if err := os.Remove(path); err != nil {
		t.Error(err)
	}
}

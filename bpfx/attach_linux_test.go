package bpfx_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestAttachRefuses attaches to what isn't there, or isn't what it should be.
func TestAttachRefuses(t *testing.T) {
	testutil.Netns(t)
	array, err := ebpf.NewMap(&ebpf.MapSpec{Name: "array", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer array.Close()
	closed := sockmap(t)
	closed.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	exe := executable(t)
	for i, tt := range []struct {
		hook hook
		want string
		is   error
	}{
		{bpfx.XDP{}, "set Interface or Index", nil},
		{bpfx.XDP{Interface: "nonexistent"}, `interface "nonexistent"`, unix.ENODEV},
		{bpfx.XDP{Interface: strings.Repeat("x", 16)}, "names have 1 to 15 bytes", unix.EINVAL},
		{bpfx.XDP{Index: 1 << 20}, "interface with index 1048576", unix.ENODEV},
		{bpfx.XDP{Index: -1}, "interface with index -1", unix.ENODEV},
		{bpfx.XDP{Interface: "lo", Index: 1 << 20}, `interface "lo" has index 1, not 1048576`, nil},
		{bpfx.XDP{Interface: "lo", Mode: 9}, "unknown mode XDPMode(9)", nil},
		{bpfx.XDP{Interface: "lo", Mode: bpfx.XDPDriver}, "try XDPGeneric", unix.EOPNOTSUPP},
		{bpfx.Tracepoint{Group: "sched", Name: "nonexistent"}, "no such tracepoint", os.ErrNotExist},
		{bpfx.Tracepoint{}, "group and name cannot be empty", nil},
		{bpfx.RawTracepoint{Name: "nonexistent"}, "no such tracepoint", os.ErrNotExist},
		{bpfx.RawTracepoint{}, "set Name", nil},
		{bpfx.SkLookup{Netns: bpfx.Netns{Path: "/run/netns/nonexistent"}}, "/run/netns/nonexistent", os.ErrNotExist},
		{bpfx.SkLookup{Netns: bpfx.Netns{Path: file}}, "not a network namespace", unix.EINVAL},
		{bpfx.SkLookup{Netns: bpfx.Netns{Path: "/proc/self/ns/mnt"}}, "not a network namespace", unix.EINVAL},
		{bpfx.FlowDissector{Netns: bpfx.Netns{FD: 1 << 20}}, "netns fd 1048576", unix.EBADF},
		{bpfx.FlowDissector{Netns: bpfx.Netns{Path: "/proc/self/ns/net", FD: 1}}, "two namespaces", nil},
		{bpfx.SkMsg{}, "set Map to a sockmap or sockhash", nil},
		{bpfx.SkMsg{Map: array}, "Array(array)", unix.EINVAL},
		{bpfx.SkSkb{Map: array}, "is not a sockmap or sockhash", unix.EINVAL},
		{bpfx.SkSkb{Map: closed}, "map: file already closed", os.ErrClosed},
		{bpfx.SkSkb{Map: array, Kind: 7}, "unknown kind SkSkbKind(7)", nil},
		{bpfx.Uprobe{Path: "/nonexistent"}, "/nonexistent", os.ErrNotExist},
		{bpfx.Uprobe{Path: exe, Symbol: "nonexistent"}, "no such function", link.ErrNoSymbol},
		{bpfx.Uprobe{Path: exe, Address: 4096, PID: -1}, "PID -1 is negative", nil},
		{bpfx.Uprobe{Path: exe, Address: 4096, PID: 1 << 22}, "no process 4194304", unix.ESRCH},
		{bpfx.Uretprobe{Path: file, Symbol: "main"}, file, nil},
		{bpfx.Kprobe{Symbol: "bpfx_nonexistent"}, `kprobe "bpfx_nonexistent"`, os.ErrNotExist},
		{bpfx.Kprobe{Symbol: "no symbol"}, "must be a valid symbol", nil},
		{bpfx.Kretprobe{Symbol: "bpfx_nonexistent"}, `kretprobe "bpfx_nonexistent"`, nil},
		{bpfx.Kretprobe{Symbol: "inet_dgram_connect", MaxActive: -1}, "MaxActive -1 is negative", nil},
	} {
		t.Run(fmt.Sprintf("%d %s", i, kind(tt.hook)), func(t *testing.T) {
			testutil.Netns(t)
			p := mustLoad(t, tt.hook.Spec(ret(0)))
			a, err := p.Attach(tt.hook)
			var ae *bpfx.AttachError
			if a != nil || !errors.As(err, &ae) || ae.Hook.String() != tt.hook.String() {
				t.Fatalf("Attach() = %v, %v; want an AttachError of the hook", a, err)
			}
			if p.Attached() {
				t.Error("Attached() after an Attach that failed")
			}
			if strings.HasPrefix(kind(tt.hook), "k") {
				testutil.SkipIfNotSupported(t, err, "kprobe", "4.1", "CONFIG_KPROBES")
			}
			if !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error = %v, want %q, %v", err, tt.want, tt.is)
			}
		})
	}
}

// kind is the first word of what a hook prints: the same in every run.
func kind(h bpfx.Hook) string {
	kind, _, _ := strings.Cut(h.String(), " ")
	return kind
}

// TestAttachTwice attaches a second program where there is room for one.
func TestAttachTwice(t *testing.T) {
	testutil.Netns(t)
	for _, tt := range []struct {
		hook    hook
		want    string
		is      error
		since   string
		feature string
	}{
		{bpfx.XDP{Interface: "lo"}, "has an XDP program already", unix.EBUSY, "5.9", "XDP links"},
		{bpfx.FlowDissector{}, "has a flow dissector already", unix.E2BIG, "5.9", "flow dissector links"},
		{bpfx.SkMsg{Map: sockmap(t)}, "has a program there already", unix.EBUSY, "5.18", "queries of sockmaps"},
		{bpfx.SkSkb{Map: sockmap(t)}, "has a program there already", unix.EBUSY, "5.18", "queries of sockmaps"},
	} {
		t.Run(kind(tt.hook), func(t *testing.T) {
			testutil.Netns(t)
			testutil.NeedKernel(t, tt.since, tt.feature)
			first, second := mustLoad(t, tt.hook.Spec(ret(1))), mustLoad(t, tt.hook.Spec(ret(1)))
			if _, err := first.Attach(tt.hook); err != nil {
				t.Fatal(err)
			}
			_, err := second.Attach(tt.hook)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("second Attach() = %v, want %v with %q", err, tt.is, tt.want)
			}
		})
	}
}

// TestFentryTarget attaches programs that were loaded for somewhere else.
func TestFentryTarget(t *testing.T) {
	testutil.NeedRoot(t)
	tt := hookTest{name: "fentry", since: "5.5"}
	h := bpfx.Fentry{Func: "inet_dgram_connect"}
	p := loadFor(t, tt, h, newCounter(t))
	for _, wrong := range []struct {
		hook  bpfx.Hook
		want  string
		since string
	}{
		{bpfx.Fexit{}, "was loaded for TraceFEntry, not for TraceFExit", "5.13"},
		{bpfx.Fentry{Func: "inet_stream_connect"}, `was loaded for function "inet_dgram_connect", not for "inet_stream_connect"`, "5.13"},
	} {
		if !testutil.KernelAtLeast(t, wrong.since) {
			continue // it attaches once only, and doesn't tell where
		}
		if _, err := p.Attach(wrong.hook); err == nil || !strings.Contains(err.Error(), wrong.want) {
			t.Errorf("Attach(%v) = %v, want %q", wrong.hook, err, wrong.want)
		}
	}
	if _, err := p.Attach(bpfx.Fentry{}); err != nil {
		t.Error("Attach without a function:", err)
	}
}

func TestHookFunc(t *testing.T) {
	testutil.NeedRoot(t)
	p := mustLoad(t, xdpSpec(2))
	detached := 0
	var a *bpfx.Attachment
	h := bpfx.HookFunc("nowhere", func(got *ebpf.Program) (*bpfx.Attachment, error) {
		if got != p.Program {
			t.Errorf("attach got %v, want %v", got, p)
		}
		return bpfx.AttachmentFunc(func() error {
			detached++
			_ = a.String() // must not wait for Close
			return errClose
		}), nil
	})
	var err error
	a, err = p.Attach(h)
	if err != nil {
		t.Fatal(err)
	}
	if a.Hook() != h || a.String() != "nowhere" {
		t.Errorf("attached to %v, want %v", a, h)
	}
	if _, ok := a.Link(); ok {
		t.Error("Link() of what has none")
	}
	for name, err := range map[string]error{"Pin": a.Pin("/sys/fs/bpf/x"), "Unpin": a.Unpin(), "Update": a.Update(p)} {
		if !errors.Is(err, ebpf.ErrNotSupported) {
			t.Errorf("%s() = %v, want ErrNotSupported", name, err)
		}
	}
	// The error of detaching comes out of the program's Close, once.
	if err := p.Close(); !errors.Is(err, errClose) || !strings.Contains(err.Error(), "detach from nowhere") {
		t.Errorf("Close() = %v, want %v", err, errClose)
	}
	if err := errors.Join(a.Close(), p.Close()); err != nil || detached != 1 {
		t.Errorf("second Close() = %v, detached %d times", err, detached)
	}

	q := mustLoad(t, xdpSpec(2))
	for name, h := range map[string]bpfx.Hook{
		"nil hook":     nil,
		"no function":  bpfx.HookFunc("none", nil),
		"no result":    bpfx.HookFunc("empty", func(*ebpf.Program) (*bpfx.Attachment, error) { return nil, nil }),
		"error of its": bpfx.HookFunc("error", func(*ebpf.Program) (*bpfx.Attachment, error) { return nil, errFn }),
	} {
		var ae *bpfx.AttachError
		if a, err := q.Attach(h); a != nil || !errors.As(err, &ae) {
			t.Errorf("%s: Attach() = %v, %v; want an AttachError", name, a, err)
		}
	}
}

// TestPinRefuses pins to where nothing can be pinned, and loads what isn't
// pinned.
func TestPinRefuses(t *testing.T) {
	dir := testutil.BPFFS(t)
	testutil.Netns(t)
	testutil.NeedKernel(t, "5.9", "sk_lookup")
	p := mustLoad(t, bpfx.SkLookup{}.Spec(ret(1)))
	a, err := p.Attach(bpfx.SkLookup{})
	if err != nil {
		t.Fatal(err)
	}
	prog := filepath.Join(dir, "prog")
	if err := p.Pin(prog); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "pin")
	missing := filepath.Join(dir, "no", "pin")
	loadProgram := func(path string) error { _, err := bpfx.LoadPinned(path); return err }
	loadAttachment := func(path string) error { _, err := bpfx.LoadPinnedAttachment(path); return err }
	q := mustLoad(t, xdpSpec(2))
	for _, tt := range []struct {
		name string
		fn   func(string) error
		path string
		want string
		is   error
	}{
		{"program outside", q.Pin, outside, outside, bpfx.ErrNotBPFFS},
		{"program nowhere", q.Pin, missing, missing, os.ErrNotExist},
		{"program empty", q.Pin, "", "empty path", nil},
		{"attachment outside", a.Pin, outside, outside, bpfx.ErrNotBPFFS},
		{"attachment over", a.Pin, prog, prog, os.ErrExist},
		{"load file", loadProgram, file, file, bpfx.ErrNotBPFFS},
		{"load nothing", loadProgram, missing, missing, os.ErrNotExist},
		{"load attachment file", loadAttachment, file, file, bpfx.ErrNotBPFFS},
		{"load attachment nothing", loadAttachment, missing, missing, os.ErrNotExist},
		{"load attachment of program", loadAttachment, prog, "is not a Link", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.fn(tt.path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error = %v, want %q, %v", err, tt.want, tt.is)
			}
		})
	}
}

// TestAttachWithoutPrivileges attaches a program that was loaded with them. It
// opens a perf event, which takes privileges of its own; links don't.
func TestAttachWithoutPrivileges(t *testing.T) {
	testutil.NeedRoot(t)
	h := bpfx.Tracepoint{Group: "sched", Name: "sched_process_fork"}
	p := mustLoad(t, h.Spec(ret(0)))
	err := withCapabilities(t, nil, func() error { _, err := p.Attach(h); return err })
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), "CAP_PERFMON") {
		t.Errorf("Attach() = %v, want EPERM or EACCES that names CAP_PERFMON", err)
	}
}

// TestErrnoLost lists where cilium/ebpf formats the kernel's errno away, so
// that errors.Is can't find it. It fails when that is mended: then the case
// belongs to TestAttachRefuses.
func TestErrnoLost(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "5.15", "perf event links")
	h := bpfx.Tracepoint{Group: "sched", Name: "sched_process_fork"}
	beyond := append(asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 1024, asm.DWord)}, ret(0)...)
	p := mustLoad(t, h.Spec(beyond)) // reads more than the tracepoint has
	_, err := p.Attach(h)
	if err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Fatalf("Attach() = %v, want permission denied", err)
	}
	if errors.Is(err, unix.EACCES) {
		t.Errorf("link.Tracepoint now keeps the errno: %v", err)
	}
}

package bpfx_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestAttachTwice attaches a second program where there is room for one.
func TestAttachTwice(t *testing.T) {
	testutil.Netns(t)
	both := sockmap(t)
	parser := sockmap(t)
	for _, tt := range []struct {
		first, second hook
		want          string
		is            error
		since         string
		feature       string
	}{
		{bpfx.XDP{Interface: "lo"}, bpfx.XDP{Interface: "lo"}, "has an XDP program already", unix.EBUSY, "5.9", "XDP links"},
		{bpfx.XDP{Interface: "lo"}, bpfx.XDP{Index: loopback(t), Mode: bpfx.XDPGeneric}, "has an XDP program already", unix.EBUSY, "5.9", "XDP links"},
		{bpfx.FlowDissector{}, bpfx.FlowDissector{}, "has a flow dissector already", unix.E2BIG, "5.9", "flow dissector links"},
		{bpfx.SkMsg{Map: sockmap(t)}, nil, "has a program there already", unix.EBUSY, "5.18", "queries of sockmaps"},
		{bpfx.SkSkb{Map: sockmap(t)}, nil, "has a program there already", unix.EBUSY, "5.18", "queries of sockmaps"},
		{bpfx.SkSkb{Map: both}, bpfx.SkSkb{Map: both, Kind: bpfx.SkSkbVerdict}, "has a program of another kind (SkSKBStreamVerdict)", unix.EBUSY, "5.18", "queries of sockmaps"},
		{bpfx.SkSkb{Map: parser, Kind: bpfx.SkSkbVerdict}, bpfx.SkSkb{Map: parser}, "has a program of another kind (SkSKBVerdict)", unix.EBUSY, "5.18", "queries of sockmaps"},
		{bpfx.Netfilter{}, bpfx.Netfilter{}, "has that priority there already", unix.EBUSY, "6.4", "netfilter links"},
	} {
		t.Run(kind(tt.first), func(t *testing.T) {
			testutil.Netns(t)
			testutil.NeedKernel(t, tt.since, tt.feature)
			if tt.second == nil {
				tt.second = tt.first
			}
			first, err := bpfx.Load(tt.first.Spec(ret(1)), nil)
			testutil.SkipIfNotSupported(t, err, tt.feature, tt.since, "CONFIG_NETFILTER_BPF_LINK")
			if err != nil {
				t.Fatal(err)
			}
			defer first.Close()
			second := mustLoad(t, tt.second.Spec(ret(1)))
			if _, err := first.Attach(tt.first); err != nil {
				t.Fatal(err)
			}
			_, err = second.Attach(tt.second)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("second Attach() = %v, want %v with %q", err, tt.is, tt.want)
			}
			if d := bpfx.Explain(err); tt.want != "" && d == nil {
				t.Errorf("%v is not explained", err)
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

// TestTracingTarget does for the other hooks what TestFentryTarget does.
func TestTracingTarget(t *testing.T) {
	for _, tt := range []struct {
		hookTest
		loaded, wrong hook
		want          string
	}{
		{hookTest{name: "tp_btf", since: "5.5"}, bpfx.BTFTracepoint{Name: "task_rename"}, bpfx.BTFTracepoint{Name: "task_newtask"}, `tracepoint "task_rename", not for "task_newtask"`},
		{hookTest{name: "tp_btf as fentry", since: "5.5"}, bpfx.BTFTracepoint{Name: "task_rename"}, bpfx.Fentry{}, "TraceRawTp, not for TraceFEntry"},
		{hookTest{name: "fmod_ret", since: "5.13"}, bpfx.FmodRet{Func: "security_socket_connect"}, bpfx.FmodRet{Func: "security_file_open"}, `"security_socket_connect", not for "security_file_open"`},
		{hookTest{name: "lsm", since: "5.13", configs: []string{"CONFIG_BPF_LSM"}}, bpfx.LSM{Hook: "socket_connect"}, bpfx.LSM{Hook: "file_open"}, `"bpf_lsm_socket_connect", not for "bpf_lsm_file_open"`},
	} {
		if !testutil.KernelAtLeast(t, tt.since) {
			continue // it doesn't tell where it attached
		}
		t.Run(tt.name, func(t *testing.T) {
			testutil.NeedRoot(t)
			p := loadSpec(t, tt.hookTest, tt.loaded.Spec(ret(0)))
			_, err := p.Attach(tt.wrong)
			testutil.SkipIfNotSupported(t, err, tt.name, tt.since, tt.configs...)
			if err == nil || !strings.Contains(err.Error(), "the program was loaded for ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Attach(%v) = %v, want %q", tt.wrong, err, tt.want)
			}
			if p.Attached() {
				t.Error("attached all the same")
			}
		})
	}
}

// TestFentryProgram attaches to a function of a BPF program. Its BTF has ids of
// its own, which are those of other functions in the kernel's.
func TestFentryProgram(t *testing.T) {
	testutil.NeedRoot(t)
	target := replaceable(t)
	runs := newCounter(t)
	h := bpfx.Fentry{Func: target.Func}
	spec := h.Spec(runs.program(0))
	spec.AttachTarget = target.Target
	p := loadSpec(t, hookTest{name: "fentry", since: "5.5"}, spec)
	if _, err := p.Attach(h); err != nil {
		t.Fatal(err)
	}
	runReplaceable(t)
	if runs.count() == 0 {
		t.Error("the program didn't run")
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
		"nil link":     bpfx.HookFunc("link", func(*ebpf.Program) (*bpfx.Attachment, error) { return bpfx.NewAttachment(nil), nil }),
		"nil detach":   bpfx.HookFunc("detach", func(*ebpf.Program) (*bpfx.Attachment, error) { return bpfx.AttachmentFunc(nil), nil }),
		"error of its": bpfx.HookFunc("error", func(*ebpf.Program) (*bpfx.Attachment, error) { return nil, errFn }),
	} {
		var ae *bpfx.AttachError
		if a, err := q.Attach(h); a != nil || !errors.As(err, &ae) {
			t.Errorf("%s: Attach() = %v, %v; want an AttachError", name, a, err)
		}
	}
}

// TestNewAttachment attaches with cilium/ebpf and hands the link over.
func TestNewAttachment(t *testing.T) {
	testutil.NeedRoot(t)
	p := mustLoad(t, bpfx.RawTracepoint{Name: "task_rename"}.Spec(ret(0)))
	a, err := p.Attach(bpfx.HookFunc("by hand", func(p *ebpf.Program) (*bpfx.Attachment, error) {
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: "task_rename", Program: p})
		if err != nil {
			return nil, err
		}
		return bpfx.NewAttachment(l), nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	l, ok := a.Link()
	if !ok {
		t.Fatal("Link() has none")
	}
	info, err := l.Info()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	testutil.Eventually(t, "the link is gone", func() bool { // older kernels free it in the background
		left, err := link.NewFromID(info.ID)
		if err == nil {
			left.Close()
		}
		return errors.Is(err, os.ErrNotExist)
	})
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
	// What it takes depends on the kernel; TestExplainAttachCapabilities tries it.
	causes := []string{"CAP_PERFMON", "CAP_BPF", "kernel.perf_event_paranoid is"}
	named := err != nil && slices.ContainsFunc(causes, func(c string) bool { return strings.Contains(err.Error(), c) })
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) || !named {
		t.Errorf("Attach() = %v, want EPERM or EACCES that names one of %q", err, causes)
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

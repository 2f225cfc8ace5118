package bpfx_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
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

// hook is a Hook that knows what spec a program for it has.
type hook interface {
	bpfx.Hook
	Spec(asm.Instructions) *ebpf.ProgramSpec
}

// hookTest is a row of the conformance test.
type hookTest struct {
	name string
	// hook returns the hook to test, in the test's own network namespace.
	hook func(testing.TB) hook
	// fire makes the program run. If it is nil, the program is not expected to.
	fire func(testing.TB)
	// ret is what the program returns: it must not get in the way of fire.
	ret int32
	// wants is a version of the kernel, and options of its build, without
	// which the hook isn't there.
	since   string
	configs []string
	// links is the version from which on there is a kernel link, or "never".
	links string
	// once is the version before which a program can be attached only once.
	once string
	// updates says that a link can be updated.
	updates bool
}

// testHook checks what every hook promises.
func testHook(t *testing.T, tt hookTest) {
	testutil.Netns(t)
	h := tt.hook(t)
	if h.String() == "" {
		t.Error("the hook doesn't print")
	}

	t.Run("wrong program", func(t *testing.T) { testWrongProgram(t, h) })

	runs := newCounter(t)
	p := loadFor(t, tt, h, runs)
	a, err := p.Attach(h)
	testutil.SkipIfNotSupported(t, err, tt.name, tt.since, tt.configs...)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Attached() || len(p.Attachments()) != 1 || p.Attachments()[0] != a {
		t.Errorf("Attachments() = %v, want %v", p.Attachments(), a)
	}
	if got, want := a.String(), h.String(); got != want || !sameHook(a.Hook(), h) {
		t.Errorf("attachment is to %s, want %s", got, want)
	}

	l := linkOf(t, tt, a)
	if err := a.Use(func(link.Link) error { return nil }); l == 0 && !errors.Is(err, ebpf.ErrNotSupported) || l != 0 && err != nil {
		t.Errorf("Use() of link %d = %v", l, err)
	}
	if h, ok := h.(bpfx.Kretprobe); ok && h.MaxActive != 0 {
		// The event that it makes in tracefs would stay for ever.
		if err := a.Pin(filepath.Join(testutil.BPFFS(t), "pin")); !errors.Is(err, ebpf.ErrNotSupported) {
			t.Errorf("Pin() = %v, want ErrNotSupported", err)
		}
	}
	mustFire(t, tt, runs)

	switch _, ok := a.Link(); {
	case ok && tt.updates:
		p, runs = testUpdate(t, tt, h, p, a)
	case ok:
		other := loadFor(t, tt, h, runs)
		if err := a.Update(other); !errors.Is(err, ebpf.ErrNotSupported) {
			t.Errorf("Update() = %v, want ErrNotSupported", err)
		}
		fallthrough
	default:
		if got := p.Attachments(); len(got) != 1 {
			t.Errorf("Attachments() = %v after an Update that failed", got)
		}
	}

	if err := a.Close(); err != nil {
		t.Error("Close:", err)
	}
	if err := a.Close(); err != nil {
		t.Error("second Close:", err)
	}
	if p.Attached() {
		t.Error("Attached() after Close of the attachment")
	}
	testClosed(t, a)
	mustBeGone(t, l)
	mustNotFire(t, tt, runs)

	// Close of the program detaches.
	if tt.once != "" && !testutil.KernelAtLeast(t, tt.once) {
		if _, err := p.Attach(h); !errors.Is(err, unix.ENOENT) {
			t.Errorf("second Attach() = %v, want ENOENT", err)
		}
		p = loadFor(t, tt, h, runs)
	}
	a, err = p.Attach(h)
	if err != nil {
		t.Fatal("attach again:", err)
	}
	l = linkOf(t, tt, a)
	if err := p.Close(); err != nil {
		t.Error("Program.Close:", err)
	}
	if p.Attached() {
		t.Error("Attached() after Close of the program")
	}
	if err := a.Close(); err != nil {
		t.Error("Close after Program.Close:", err)
	}
	mustBeGone(t, l)
	mustNotFire(t, tt, runs)
	testutil.Eventually(t, "program unloaded", func() bool { return !p.Loaded() })
}

// sameHook compares what can't be compared by ==, since hooks may have slices.
func sameHook(a, b bpfx.Hook) bool { return reflect.DeepEqual(a, b) }

// loadFor loads a program that counts its runs at h, in this process if it
// traces.
func loadFor(t *testing.T, tt hookTest, h hook, runs counter) *bpfx.Program {
	t.Helper()
	return loadSpec(t, tt, mine(t, h.Spec(runs.program(tt.ret))))
}

// loadSpec loads spec, and skips t where tt says that the kernel may lack it.
func loadSpec(t *testing.T, tt hookTest, spec *ebpf.ProgramSpec) *bpfx.Program {
	t.Helper()
	spec.Name = "hook_test"
	p, err := bpfx.Load(spec, nil)
	testutil.SkipIfNotSupported(t, err, tt.name, tt.since, tt.configs...)
	if errors.Is(err, unix.EPERM) && slices.Contains([]ebpf.ProgramType{ebpf.Tracing, ebpf.LSM, ebpf.Extension}, spec.Type) && os.Getenv("BPFX_VMTEST") == "" {
		// Seen on a vendor's kernel, before the verifier runs and as root.
		t.Skipf("skipping %s: this kernel refuses it even to root (%v; try another kernel: go run ./vmtest)", tt.name, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// linkOf returns the id of a's link, 0 if it has none, and fails unless that
// is as it should be on this kernel.
func linkOf(t *testing.T, tt hookTest, a *bpfx.Attachment) link.ID {
	t.Helper()
	l, ok := a.Link()
	if want := tt.links != "never" && testutil.KernelAtLeast(t, tt.links); ok != want {
		t.Fatalf("Link() = %v, %v; the kernel has one from %s on", l, ok, tt.links)
	}
	if !ok {
		return 0
	}
	info, err := l.Info()
	if err != nil {
		t.Fatal(err)
	}
	return info.ID
}

// testUpdate moves a to another program and returns it and its counter.
func testUpdate(t *testing.T, tt hookTest, h hook, p *bpfx.Program, a *bpfx.Attachment) (*bpfx.Program, counter) {
	runs := newCounter(t)
	next := loadFor(t, tt, h, runs)
	if err := a.Update(nil); err == nil {
		t.Error("Update(nil) = nil")
	}
	if err := a.Update(next); err != nil {
		t.Fatal("Update:", err)
	}
	if p.Attached() || !next.Attached() {
		t.Errorf("after Update the old program is attached: %v, the new one: %v", p.Attached(), next.Attached())
	}
	if err := p.Close(); err != nil {
		t.Error("Close of the old program:", err)
	}
	mustFire(t, tt, runs)
	return next, runs
}

// testWrongProgram attaches programs that can't be.
func testWrongProgram(t *testing.T, h bpfx.Hook) {
	closed, err := bpfx.Load(bpfx.XDP{}.Spec(ret(0)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	other := mustLoad(t, &ebpf.ProgramSpec{Name: "filter", Type: ebpf.SocketFilter, Instructions: ret(0), License: "GPL"})
	unnamed := mustLoad(t, &ebpf.ProgramSpec{Type: ebpf.SocketFilter, Instructions: ret(0), License: "GPL"})
	for _, tt := range []struct {
		name string
		prog *ebpf.Program
		want string
		is   error
	}{
		{"nil", nil, "nil program", nil},
		{"zero", new(ebpf.Program), "nil program", nil},
		{"closed", closed.Program, "closed", os.ErrClosed},
		{"type", other.Program, `program "filter" is of type SocketFilter, the hook takes`, nil},
		{"no name", unnamed.Program, `program without a name is of type SocketFilter, the hook takes`, nil},
	} {
		a, err := bpfx.Attach(tt.prog, h)
		var ae *bpfx.AttachError
		if a != nil || !errors.As(err, &ae) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Attach() = %v, %v; want AttachError with %q", tt.name, a, err, tt.want)
		}
		if tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: %v is not %v", tt.name, err, tt.is)
		}
	}
}

// testClosed calls what must not work after Close.
func testClosed(t *testing.T, a *bpfx.Attachment) {
	p := mustLoad(t, xdpSpec(2))
	for name, err := range map[string]error{
		"Update": a.Update(p),
		"Pin":    a.Pin(filepath.Join(t.TempDir(), "pin")),
		"Unpin":  a.Unpin(),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s after Close = %v, want os.ErrClosed", name, err)
		}
	}
	if l, ok := a.Link(); ok {
		t.Errorf("Link() after Close = %v", l)
	}
}

func mustBeGone(t *testing.T, l link.ID) {
	t.Helper()
	if l != 0 {
		testutil.Eventually(t, "link gone", func() bool { return !testutil.HaveLink(t, l) })
	}
}

func mustFire(t *testing.T, tt hookTest, runs counter) {
	t.Helper()
	if tt.fire == nil {
		return
	}
	before := runs.count()
	tt.fire(t)
	testutil.Eventually(t, "program ran", func() bool { return runs.count() > before })
}

func mustNotFire(t *testing.T, tt hookTest, runs counter) {
	t.Helper()
	if tt.fire == nil {
		return
	}
	before := runs.count()
	tt.fire(t)
	if after := runs.count(); after != before {
		t.Errorf("program ran %d times after it was detached", after-before)
	}
}

package bpfx_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

var errorType = reflect.TypeFor[error]()

// TestProgramClosed calls every method of a closed program, and of ones that
// never were open. None may panic; those that return an error must say so.
func TestProgramClosed(t *testing.T) {
	closed := bpfx.Wrap(nil)
	if os.Geteuid() == 0 {
		p, err := bpfx.Load(xdpSpec(2), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := p.Close(); err != nil {
				t.Error("Close:", err)
			}
		}
		closed = p
	}
	for name, p := range map[string]*bpfx.Program{
		"closed": closed,
		"nil":    nil,
		"zero":   new(bpfx.Program),
	} {
		v := reflect.ValueOf(p)
		for i := range v.NumMethod() {
			method := v.Type().Method(i)
			if method.Name == "Close" {
				continue // is fine twice
			}
			args := make([]reflect.Value, method.Type.NumIn()-1)
			for j := range args {
				args[j] = reflect.Zero(method.Type.In(j + 1))
			}
			for _, out := range v.Method(i).Call(args) {
				if out.Type() != errorType {
					continue
				}
				err, _ := out.Interface().(error)
				if err == nil || name == "closed" && closed.Program != nil && !errors.Is(err, os.ErrClosed) {
					t.Errorf("%s program: %s() = %v, want an error (os.ErrClosed)", name, method.Name, err)
				}
			}
		}
	}
}

// TestProgramCloseOrder closes a program with attachments that can't be detached.
func TestProgramCloseOrder(t *testing.T) {
	testutil.NeedRoot(t)
	p, err := bpfx.Load(xdpSpec(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	var log []string
	for _, name := range []string{"first", "second"} {
		detach := closer(&log, name, fmt.Errorf("%s: %w", name, errClose))
		if _, err := p.Attach(bpfx.HookFunc(name, func(*ebpf.Program) (*bpfx.Attachment, error) { return bpfx.AttachmentFunc(detach), nil })); err != nil {
			t.Fatal(err)
		}
	}
	err = p.Close()
	if want := []string{"second", "first"}; !slices.Equal(log, want) {
		t.Errorf("detached %v, want %v", log, want)
	}
	for _, name := range log {
		if err == nil || !strings.Contains(err.Error(), "detach from "+name) {
			t.Errorf("Close() = %v, want that it tells of %s", err, name)
		}
	}
	testutil.Eventually(t, "program unloaded", func() bool { return !p.Loaded() })
}

func TestWrap(t *testing.T) {
	testutil.NeedRoot(t)
	raw, err := ebpf.NewProgram(xdpSpec(2))
	if err != nil {
		t.Fatal(err)
	}
	p := bpfx.Wrap(raw)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := raw.Close(); err != nil {
		t.Error("Close of what was wrapped:", err)
	}
	testutil.Eventually(t, "program unloaded", func() bool { return !p.Loaded() })
}

// TestProgramSetHandle shows, with -race, that who changes the BTF of a program
// doesn't disturb who reads it.
func TestProgramSetHandle(t *testing.T) {
	testutil.NeedRoot(t)
	replaceable(t)
	h, err := theReplaceable.Handle()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	id, _ := theReplaceable.ID()
	raw, err := ebpf.NewProgramFromID(id) // comes without
	if err != nil {
		t.Fatal(err)
	}
	p := bpfx.Wrap(raw)
	defer p.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := p.SetHandle(h); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			got, err := p.Handle()
			if err != nil {
				t.Error(err)
				return
			}
			got.Close()
		})
		wg.Go(func() {
			q, err := p.Clone()
			if err != nil {
				t.Error(err)
				return
			}
			q.Close()
		})
	}
	wg.Wait()
}

func TestProgramPin(t *testing.T) {
	path := filepath.Join(testutil.BPFFS(t), "prog")
	p := mustLoad(t, xdpSpec(1))
	if err := p.Pin(path); err != nil || !p.IsPinned() {
		t.Fatalf("Pin() = %v, IsPinned() = %v", err, p.IsPinned())
	}
	if err := mustLoad(t, xdpSpec(1)).Pin(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("Pin over another = %v, want os.ErrExist", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if !p.Loaded() {
		t.Error("Loaded() = false, but the program is pinned")
	}
	q, err := bpfx.LoadPinned(path)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if res := mustRun(t, q, bpfx.RunInput{Data: frame(14)}); res.Verdict != "XDP_DROP" {
		t.Errorf("the pinned program returns %s, want XDP_DROP", res.Verdict)
	}
	for range 2 {
		if err := q.Unpin(); err != nil {
			t.Error("Unpin:", err)
		}
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	testutil.Eventually(t, "program unloaded", func() bool { return !p.Loaded() })
}

func TestAttachmentPin(t *testing.T) {
	testutil.NeedKernel(t, "5.9", "XDP links")
	dir := testutil.BPFFS(t)
	testutil.Netns(t)
	path := filepath.Join(dir, "link")
	p := mustLoad(t, xdpSpec(2))
	a, err := p.Attach(bpfx.XDP{Interface: "lo"})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Pin(path); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if !p.Loaded() {
		t.Error("the pinned attachment did not keep its program")
	}
	b, err := bpfx.LoadPinnedAttachment(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, path) {
		t.Errorf("String() = %q, want the path", got)
	}
	if _, err := mustLoad(t, xdpSpec(2)).Attach(bpfx.XDP{Interface: "lo"}); err == nil {
		t.Error("lo took a second program")
	}
	// The other program takes its place and holds it.
	q := mustLoad(t, xdpSpec(1))
	if err := b.Update(q); err != nil || !q.Attached() {
		t.Errorf("Update() = %v, Attached() = %v", err, q.Attached())
	}
	if err := b.Unpin(); err != nil {
		t.Error(err)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	for _, p := range []*bpfx.Program{p, q} {
		testutil.Eventually(t, "program unloaded", func() bool { return !p.Loaded() })
	}
}

func TestScopesOnKernel(t *testing.T) {
	testutil.Netns(t)
	errFn := errors.New("fn")
	var p *bpfx.Program
	err := bpfx.WithProgram(xdpSpec(2), func(got *bpfx.Program) error {
		p = got
		return errFn
	})
	if err != errFn { //nolint:errorlint // the very same error
		t.Errorf("WithProgram() = %v, want fn's own error", err)
	}
	testutil.Eventually(t, "program unloaded", func() bool { return !p.Loaded() })

	err = bpfx.WithAttached(xdpSpec(2), bpfx.XDP{Interface: "lo"}, func(got *bpfx.Program, a *bpfx.Attachment) error {
		p = got
		if _, ok := a.Link(); !ok || !p.Attached() {
			t.Error("not attached inside the scope")
		}
		return nil
	})
	if err != nil {
		t.Errorf("WithAttached() = %v", err)
	}
	testutil.Eventually(t, "program unloaded", func() bool { return !p.Loaded() })

	spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"one": xdpSpec(2), "two": xdpSpec(1)}}
	err = bpfx.WithCollection(spec, func(c *bpfx.Collection) error {
		p = c.Programs["two"]
		return nil
	})
	if err != nil {
		t.Errorf("WithCollection() = %v", err)
	}
	testutil.Eventually(t, "program unloaded", func() bool { return !p.Loaded() })

	// What can't be opened: fn isn't called, nothing stays.
	called := func(*bpfx.Program, *bpfx.Attachment) error { t.Error("fn was called"); return nil }
	err = bpfx.WithAttached(xdpSpec(2), bpfx.XDP{Interface: "nonexistent"}, called)
	var ae *bpfx.AttachError
	if !errors.As(err, &ae) {
		t.Errorf("WithAttached to nothing = %v, want an AttachError", err)
	}
	if err := bpfx.WithProgram(nil, func(*bpfx.Program) error { t.Error("fn was called"); return nil }); err == nil {
		t.Error("WithProgram(nil) = nil")
	}
	if err := bpfx.WithAttached(xdpSpec(2), bpfx.XDP{Interface: "lo"}, nil); err == nil {
		t.Error("WithAttached without a function = nil")
	}

	// A panic closes too.
	func() {
		defer func() { _ = recover() }()
		_ = bpfx.WithProgram(xdpSpec(2), func(got *bpfx.Program) error { p = got; panic("oops") })
	}()
	testutil.Eventually(t, "program unloaded", func() bool { return !p.Loaded() })
}

// TestAttachAndClose closes programs while they are being attached: whatever
// happens first, nothing stays attached.
func TestAttachAndClose(t *testing.T) {
	testutil.NeedRoot(t)
	for range 50 {
		p := mustLoad(t, bpfx.RawTracepoint{}.Spec(ret(0)))
		var wg sync.WaitGroup
		for _, name := range []string{"sched_process_fork", "sched_process_exec", "sched_process_exit"} {
			wg.Go(func() {
				_, err := p.Attach(bpfx.RawTracepoint{Name: name})
				if err != nil && !errors.Is(err, os.ErrClosed) {
					t.Error(err)
				}
			})
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if p.Attached() {
			t.Fatal("attached after Close")
		}
	}
}

// TestUpdateAndClose updates an attachment while the old program is closed.
// The update may fail, since it was detached, but if it succeeds it holds.
func TestUpdateAndClose(t *testing.T) {
	testutil.Netns(t)
	testutil.NeedKernel(t, "5.9", "sk_lookup")
	for range 30 {
		old, next := mustLoad(t, bpfx.SkLookup{}.Spec(ret(1))), mustLoad(t, bpfx.SkLookup{}.Spec(ret(1)))
		a, err := old.Attach(bpfx.SkLookup{})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := old.Close(); err != nil {
				t.Error(err)
			}
		})
		err = a.Update(next)
		wg.Wait()
		_, live := a.Link()
		switch {
		case err == nil && (!live || !next.Attached()):
			t.Fatal("the old program's Close detached the new one")
		case err != nil && (!errors.Is(err, os.ErrClosed) || live):
			t.Fatalf("Update() = %v, still attached: %v", err, live)
		}
		if err := next.Close(); err != nil {
			t.Error(err)
		}
	}
}

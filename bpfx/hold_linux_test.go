package bpfx_test

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

func TestProgramDefer(t *testing.T) {
	p := mustLoad(t, xdpSpec(2))
	var calls []int
	errDeferred := errors.New("deferred")
	for i := range 2 {
		err := p.Defer(func() error {
			if err := p.Use(func(*ebpf.Program) error { return nil }); !errors.Is(err, os.ErrClosed) {
				t.Errorf("Use() while deferred functions run = %v, want ErrClosed", err)
			}
			calls = append(calls, i)
			return errDeferred
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Defer(nil); err == nil {
		t.Error("Defer(nil) = nil")
	}
	before, ok := p.ID()
	if !ok || before == 0 {
		t.Errorf("ID() = %v, %v", before, ok)
	}
	if err := p.Close(); !errors.Is(err, errDeferred) {
		t.Errorf("Close() = %v, want that of the deferred function", err)
	}
	if !slices.Equal(calls, []int{1, 0}) {
		t.Errorf("called %v, want the last first, each once", calls)
	}
	if after, ok := p.ID(); after != before || !ok {
		t.Errorf("ID() after Close = %v, %v, want %v", after, ok, before)
	}
	if err := p.Defer(func() error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Defer() after Close = %v, want ErrClosed", err)
	}
}

func TestProgramUse(t *testing.T) {
	p := mustLoad(t, xdpSpec(2))
	errUse := errors.New("use")
	if err := p.Use(func(q *ebpf.Program) error {
		if q != p.Program {
			t.Errorf("Use() called with %v, want %v", q, p.Program)
		}
		return errUse
	}); err != errUse { //nolint:errorlint // the very same
		t.Errorf("Use() = %v, want the function's error", err)
	}
	var none *bpfx.Program
	if err := none.Use(func(*ebpf.Program) error { return nil }); err == nil {
		t.Error("Use() of nil = nil")
	}
	if id, ok := none.ID(); ok {
		t.Errorf("ID() of nil = %v", id)
	}
}

// TestDropped drops everything that refers to an attachment: the garbage
// collector must find neither it nor its program.
func TestDropped(t *testing.T) {
	testutil.NeedRoot(t)
	for name, h := range map[string]bpfx.Hook{
		"link": bpfx.RawTracepoint{Name: "sched_process_fork"},
		"no link": bpfx.HookFunc("by hand", func(*ebpf.Program) (*bpfx.Attachment, error) {
			return bpfx.AttachmentFunc(func() error { return nil }), nil
		}),
	} {
		t.Run(name, func(t *testing.T) {
			weakProgram, weakAttachment := func() (weak.Pointer[bpfx.Program], weak.Pointer[bpfx.Attachment]) {
				p, err := bpfx.Load(bpfx.RawTracepoint{}.Spec(ret(0)), nil)
				if err != nil {
					t.Fatal(err)
				}
				a, err := p.Attach(h)
				if err != nil {
					t.Fatal(err)
				}
				return weak.Make(p), weak.Make(a)
			}()
			for range 3 {
				runtime.GC()
			}
			p, a := weakProgram.Value(), weakAttachment.Value()
			if p == nil || a == nil {
				t.Fatal("collected")
			}
			if l, ok := a.Link(); ok {
				if _, err := l.Info(); err != nil {
					t.Error(err)
				}
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUseWhileClosing calls a method while Close waits for Use: it must not wait
// for Close in turn.
func TestUseWhileClosing(t *testing.T) {
	p := mustLoad(t, xdpSpec(2))
	id, _ := p.ID()
	closed, nested := make(chan error, 1), make(chan error, 1)
	err := p.Use(func(*ebpf.Program) error {
		go func() { closed <- p.Close() }()
		go func() {
			for {
				if _, err := p.Info(); err != nil {
					if after, _ := p.ID(); after != id || !p.Loaded() {
						t.Errorf("while Close waits ID() = %v, Loaded() = %v, want %v, true", after, p.Loaded(), id)
					}
					nested <- err
					return
				}
			}
		}()
		select {
		case err := <-nested:
			return err
		case <-time.After(testutil.Patience):
			return errors.New("a method waits for Close, which waits for Use")
		}
	})
	if !errors.Is(err, os.ErrClosed) {
		t.Errorf("Info() while Close waits = %v, want ErrClosed", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestAttachmentUse(t *testing.T) {
	p := mustLoad(t, bpfx.RawTracepoint{}.Spec(ret(0)))
	a, err := p.Attach(bpfx.RawTracepoint{Name: "sched_process_fork"})
	if err != nil {
		t.Fatal(err)
	}
	errUse := errors.New("use")
	closed := make(chan error, 1)
	err = a.Use(func(l link.Link) error {
		go func() { closed <- a.Close() }()
		time.Sleep(10 * time.Millisecond) // Close has to wait
		if _, err := l.Info(); err != nil {
			t.Errorf("Info() of a link in use = %v", err)
		}
		return errUse
	})
	if err != errUse { //nolint:errorlint // the very same
		t.Errorf("Use() = %v, want the function's error", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	never := func(link.Link) error { t.Error("called"); return nil }
	if err := a.Use(never); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Use() after Close = %v, want ErrClosed", err)
	}
	without := bpfx.AttachmentFunc(func() error { return nil })
	defer without.Close()
	if err := without.Use(never); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("Use() without a link = %v, want ErrNotSupported", err)
	}
}

package tailcall_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/internal/testutil"
)

// TestPin pins an attached chain, closes it, and finds it working and complete.
func TestPin(t *testing.T) {
	m, count := mustCounter(t)
	dir := filepath.Join(testutil.BPFFS(t), "chain")
	c := mustLoad(t, counting(m))
	if _, err := c.Entry().Attach(hook); err != nil {
		t.Fatal(err)
	}
	pinned := created(t, dir)
	if err := c.Pin(dir); err != nil {
		t.Fatal(err)
	}
	// If the process is killed meanwhile, no attachment stays alone.
	if got := pinned(); !slices.Equal(got, []string{"entry", "array_jump", "link_0"}) {
		t.Errorf("Pin() made %v, in this order", got)
	}
	if err := c.Pin(dir); !errors.Is(err, os.ErrExist) {
		t.Errorf("second Pin() = %v, want ErrExist", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	mustCount(t, count)

	again, err := tailcall.LoadPinned(dir)
	again = mustChain(t, again, err)
	if err := again.Verify(); err != nil {
		t.Error(err)
	}
	if got, want := again.Graph().String(), "entry (RawTracepoint)\n└─ count  <- jump[0], instruction 5"; got != want {
		t.Errorf("Graph() = %s\nwant %s", got, want)
	}
	a, err := bpfx.LoadPinnedAttachment(filepath.Join(dir, "link_0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Unpin(); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestPinNested pins a chain with several arrays and entries.
func TestPinNested(t *testing.T) {
	testutil.NeedRoot(t)
	dir := filepath.Join(testutil.BPFFS(t), "chain")
	s := &tailcall.Spec{
		Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))),
		Others: []*ebpf.ProgramSpec{xdp("second", 0, call("verdicts", to(1)))},
		Slots:  slots(xdp("parse", 0, call("verdicts", to(0)))),
		Nested: []tailcall.Array{{Map: "verdicts", Slots: slots(xdp("drop", 1), xdp("pass", 2))}},
	}
	c := mustLoad(t, s)
	want := c.Graph().String()
	a, err := c.Entry().Attach(hookOf(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Pin(dir); err != nil {
		t.Fatal(err)
	}
	if names := list(t, dir); !slices.Equal(names, []string{"array_jump", "entry", "link_0", "nested_verdicts", "other_0000"}) {
		t.Errorf("Pin() made %v", names)
	}
	again, err := tailcall.LoadPinned(dir)
	again = mustChain(t, again, err)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Unpin(); err != nil {
		t.Error(err)
	}
	if names := list(t, dir); len(names) > 0 {
		t.Errorf("after Unpin there are %v", names)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	wantReturn(t, again.Entry(), 1)
	wantReturn(t, again.Others()[0], 2)
	if n := again.Nested("verdicts"); n == nil || n.Len() != 2 {
		t.Fatalf("Nested() = %v", n)
	}
	// The kernel's copies of the programs give the same graph.
	if got := again.Graph().String(); got != want {
		t.Errorf("Graph() = %s\nwant %s", got, want)
	}
}

// TestPinOthers pins more others than have one digit.
func TestPinOthers(t *testing.T) {
	testutil.NeedRoot(t)
	dir := filepath.Join(testutil.BPFFS(t), "chain")
	s := &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(xdp("pass", 2))}
	for i := range 12 {
		s.Others = append(s.Others, xdp(fmt.Sprint("other", i), int32(100+i)))
	}
	c := mustLoad(t, s)
	if err := c.Pin(dir); err != nil {
		t.Fatal(err)
	}
	again, err := tailcall.LoadPinned(dir)
	again = mustChain(t, again, err)
	for i, p := range again.Others() {
		wantReturn(t, p, uint32(100+i))
	}
	if n := len(again.Others()); n != len(s.Others) {
		t.Errorf("Others() has %d programs, want %d", n, len(s.Others))
	}
}

// hookOf returns an XDP hook in a network namespace of its own.
func hookOf(tb testing.TB) bpfx.Hook {
	tb.Helper()
	testutil.Netns(tb)
	return bpfx.XDP{Interface: "lo"}
}

// TestPinRefused has pins fail, and sees that none stays.
func TestPinRefused(t *testing.T) {
	testutil.NeedRoot(t)
	fs := testutil.BPFFS(t)
	dir := filepath.Join(fs, "chain")
	c := mustLoad(t, row(2))
	a, err := c.Entry().Attach(bpfx.HookFunc("nowhere", func(*ebpf.Program) (*bpfx.Attachment, error) {
		return bpfx.AttachmentFunc(func() error { return nil }), nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Pin(dir); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("Pin() with an attachment that has no link = %v, want ErrNotSupported", err)
	}
	a.Close()
	if err := c.Pin(t.TempDir()); !errors.Is(err, bpfx.ErrNotBPFFS) {
		t.Errorf("Pin() outside of a bpf filesystem = %v, want ErrNotBPFFS", err)
	}
	if err := c.Pin(""); err == nil {
		t.Error(`Pin("") = nil`)
	}
	// Something is in the way of the last pin.
	q := mustProgram(t, xdp("other", 1))
	if err := q.Pin(filepath.Join(dir, "array_jump")); err != nil {
		t.Fatal(err)
	}
	if err := c.Pin(dir); !errors.Is(err, os.ErrExist) {
		t.Errorf("Pin() = %v, want ErrExist", err)
	}
	if names := list(t, dir); !slices.Equal(names, []string{"array_jump"}) {
		t.Errorf("after a Pin that failed there are %v", names)
	}
	if _, err := tailcall.LoadPinned(dir); err == nil {
		t.Error("LoadPinned() of something else = nil")
	}
	if err := q.Unpin(); err != nil {
		t.Fatal(err)
	}
	if _, err := tailcall.LoadPinned(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("LoadPinned() of nothing = %v, want ErrNotExist", err)
	}
	if err := c.Pin(dir); err != nil {
		t.Fatal(err)
	}
	if names := list(t, dir); !slices.Equal(names, []string{"array_jump", "entry"}) {
		t.Errorf("Pin() made %v", names)
	}
	// What others have put there is left alone.
	for _, name := range []string{"aaa", "entry_old"} {
		if err := q.Pin(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		again, err := tailcall.LoadPinned(dir)
		if err != nil {
			t.Errorf("LoadPinned() beside %s = %v", name, err)
		} else if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := q.Unpin(); err != nil {
		t.Fatal(err)
	}
	if err := c.Unpin(); err != nil {
		t.Error(err)
	}
	if names := list(t, dir); len(names) > 0 {
		t.Errorf("after Unpin there are %v", names)
	}
}

func list(tb testing.TB, dir string) (names []string) {
	tb.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

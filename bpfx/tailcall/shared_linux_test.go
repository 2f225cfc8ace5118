package tailcall_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/internal/testutil"
)

// TestLoadInto loads chains into an array that another chain uses, given as a
// map and by a pin: what doesn't work leaves that one as it was.
func TestLoadInto(t *testing.T) {
	testutil.NeedRoot(t)
	dir := testutil.BPFFS(t)
	s := row(3)
	s.MaxEntries = 5
	old := mustLoad(t, s)
	if err := old.Map("jump").Pin(filepath.Join(dir, "jump")); err != nil {
		t.Fatal(err)
	}
	invalid := xdp("invalid", 0)
	invalid.Instructions = asm.Instructions{asm.Mov.Reg(asm.R0, asm.R5), asm.Return()}
	for _, tt := range []struct {
		name string
		into func(*tailcall.Spec)
	}{
		{"map", func(s *tailcall.Spec) {
			s.Options = &ebpf.CollectionOptions{MapReplacements: map[string]*ebpf.Map{"jump": old.Map("jump")}}
		}},
		{"pin", func(s *tailcall.Spec) {
			s.Options = &ebpf.CollectionOptions{Maps: ebpf.MapOptions{PinPath: dir}}
			s.Collection = &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{
				"jump": {Name: "jump", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 5, Pinning: ebpf.PinByName},
			}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &tailcall.Spec{
				Map: "jump", MaxEntries: 5, Entry: xdp("entry", 0, call("jump", to(0))),
				Slots: slots(xdp("first", 8), xdp("second", 9), invalid, invalid),
			}
			tt.into(s)
			c, err := tailcall.Load(s)
			if err == nil {
				c.Close()
			}
			if err == nil || !strings.Contains(err.Error(), `slot 2: load program "invalid"`) {
				t.Errorf("Load() = %v, want that slot 2 has no program", err)
			}
			if err := old.Verify(); err != nil {
				t.Errorf("after a Load that failed: %v", err)
			}
			wantReturn(t, old.Entry(), 3)

			s.Slots = slots(xdp("first", 8), xdp("second", 9))
			c, err = tailcall.Load(s)
			c = mustChain(t, c, err)
			wantReturn(t, old.Entry(), 8)
			if c.Len() != 3 || c.Program(2) == nil {
				t.Errorf("Len() = %d, Program(2) = %v; want the one that was there", c.Len(), c.Program(2))
			}
			if err := c.Verify(); err != nil {
				t.Error(err)
			}
			for i := range uint32(2) {
				if err := old.Set(i, old.Program(i)); err != nil {
					t.Fatal(err)
				}
			}
			wantReturn(t, old.Entry(), 3)
		})
	}
}

// TestPinPinned pins a chain whose attachment has a pin of its own: that one must
// not be moved, nor be lost by Unpin.
func TestPinPinned(t *testing.T) {
	m, _ := mustCounter(t)
	fs := testutil.BPFFS(t)
	own, dir := filepath.Join(fs, "own"), filepath.Join(fs, "chain")
	c := mustLoad(t, counting(m))
	a, err := c.Entry().Attach(hook)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Pin(own); err != nil {
		t.Fatal(err)
	}
	if err := c.Pin(dir); !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), "pinned already") {
		t.Errorf("Pin() = %v, want ErrExist", err)
	}
	if _, err := os.Stat(own); err != nil {
		t.Errorf("the attachment's own pin: %v", err)
	}
	if names := list(t, dir); len(names) > 0 {
		t.Errorf("after a Pin that failed there are %v", names)
	}
	if err := a.Unpin(); err != nil {
		t.Fatal(err)
	}
	// Its files may be gone when Unpin comes to remove them.
	for _, remove := range [][]string{nil, {"entry"}, {"array_jump", "link_0"}} {
		if err := c.Pin(dir); err != nil {
			t.Fatal(err)
		}
		for _, name := range remove {
			_ = os.Remove(filepath.Join(dir, name))
		}
		if err := c.Unpin(); err != nil {
			t.Errorf("Unpin() after %v were removed = %v", remove, err)
		}
		if names := list(t, dir); len(names) > 0 {
			t.Errorf("after Unpin there are %v", names)
		}
	}
}

// TestSwapMap swaps programs that refer to maps: one that is loaded, and one that
// no program of the chain needed.
func TestSwapMap(t *testing.T) {
	uses := func(name string) *ebpf.ProgramSpec {
		return xdp("uses", 7, asm.Instructions{asm.LoadMapPtr(asm.R1, 0).WithReference(name)})
	}
	counts := &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}
	s := row(1)
	s.Slots[0].Program = uses("loaded")
	s.Collection = &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"loaded": counts, "other": counts}}
	c := mustLoad(t, s)
	if err := c.Swap(map[uint32]*ebpf.ProgramSpec{0: uses("loaded")}); err != nil {
		t.Error(err)
	}
	err := c.Swap(map[uint32]*ebpf.ProgramSpec{0: uses("other")})
	if err == nil || !strings.Contains(err.Error(), `map "other" isn't loaded`) || !strings.Contains(err.Error(), "in Others") {
		t.Errorf("Swap() = %v, want that the map isn't loaded, and what to do", err)
	}
	wantReturn(t, c.Entry(), 7)
}

// TestSwapDetaches replaces a program that is attached to something of the
// user's, whose detaching looks at the chain.
func TestSwapDetaches(t *testing.T) {
	c := mustLoad(t, row(2))
	detached := false
	_, err := c.Program(1).Attach(bpfx.HookFunc("nowhere", func(*ebpf.Program) (*bpfx.Attachment, error) {
		return bpfx.AttachmentFunc(func() error { detached = c.Len() == 2; return nil }), nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Swap(map[uint32]*ebpf.ProgramSpec{1: xdp("new", 7)}); err != nil {
		t.Fatal(err)
	}
	if !detached {
		t.Error("Swap has not detached what it replaced")
	}
}

package tailcall_test

import (
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/internal/testutil"
)

func TestSwap(t *testing.T) {
	s := row(3)
	s.MaxEntries = 5
	c := mustLoad(t, s)
	old := c.Program(0)
	end := xdp("end", 9)
	err := c.Swap(map[uint32]*ebpf.ProgramSpec{
		0: xdp("again", 0, call("jump", to(4))), 4: xdp("last", 0, call("jump", to(1))), 1: end, 2: end,
	})
	if err != nil {
		t.Fatal(err)
	}
	wantReturn(t, c.Entry(), 9)
	if c.Program(1) != c.Program(2) || c.Len() != 4 {
		t.Errorf("Program(1) = %v, Program(2) = %v, Len() = %d", c.Program(1), c.Program(2), c.Len())
	}
	if _, err := old.Run(bpfx.RunInput{Data: frame(0)}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Run() of what was replaced = %v, want ErrClosed", err)
	}
	// The same program is in a second slot still.
	both := c.Program(1)
	if err := c.Swap(map[uint32]*ebpf.ProgramSpec{1: xdp("new", 8)}); err != nil {
		t.Fatal(err)
	}
	wantReturn(t, both, 9)
	wantReturn(t, c.Entry(), 8)
	if err := c.Verify(); err != nil {
		t.Errorf("Verify() = %v", err)
	}
}

// TestSwapAfterClear swaps although another slot is empty: only what Swap makes
// worse is refused.
func TestSwapAfterClear(t *testing.T) {
	c := mustLoad(t, row(3))
	if err := c.Clear(2); err != nil {
		t.Fatal(err)
	}
	if err := c.Swap(map[uint32]*ebpf.ProgramSpec{0: xdp("again", 0, call("jump", to(1)))}); err != nil {
		t.Error(err)
	}
	wantReturn(t, c.Entry(), 2)
	if err := c.Swap(map[uint32]*ebpf.ProgramSpec{0: xdp("again", 0, call("jump", to(2)))}); err == nil {
		t.Error("Swap() of a program that calls an empty slot = nil")
	}
	if err := c.Swap(map[uint32]*ebpf.ProgramSpec{2: xdp("end", 7)}); err != nil {
		t.Error(err)
	}
	wantReturn(t, c.Entry(), 7)
}

// TestSwapFails has each step of Swap fail, and sees that nothing changed.
func TestSwapFails(t *testing.T) {
	testutil.NeedRoot(t)
	invalid := xdp("invalid", 0)
	invalid.Instructions = asm.Instructions{asm.Mov.Reg(asm.R0, asm.R5), asm.Return()}
	fine := xdp("fine", 9)
	for _, tt := range []struct {
		name string
		swap map[uint32]*ebpf.ProgramSpec
		want string
	}{
		{"nil", map[uint32]*ebpf.ProgramSpec{0: fine, 1: nil}, `swap: array "jump", slot 1: nil program`},
		{"range", map[uint32]*ebpf.ProgramSpec{0: fine, 5: fine}, `swap: array "jump", slot 5, program "fine": the array has 3 slots`},
		{"empty slot", map[uint32]*ebpf.ProgramSpec{0: fine, 1: xdp("far", 0, call("jump", to(3)))}, `swap: chain "jump": program "far", instruction 5, array "jump": tail call of slot 3 falls through`},
		{"type", map[uint32]*ebpf.ProgramSpec{0: fine, 1: {Name: "tc", Type: ebpf.SchedCLS}}, `swap: chain "jump": program "tc", array "jump": type SchedCLS instead of XDP`},
		{"verifier", map[uint32]*ebpf.ProgramSpec{0: fine, 1: invalid}, `swap: array "jump", slot 1, program "invalid": load program "invalid": `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := mustLoad(t, row(3))
			before := c.Program(0)
			if err := c.Swap(tt.swap); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("Swap() = %v, want %q", err, tt.want)
			}
			wantReturn(t, c.Entry(), 3)
			if c.Program(0) != before {
				t.Error("a slot has changed")
			}
			if err := c.Verify(); err != nil {
				t.Errorf("Verify() = %v", err)
			}
		})
	}
}

// TestSwapPutsBack has the kernel refuse the last of three programs.
func TestSwapPutsBack(t *testing.T) {
	testutil.NeedKernel(t, "5.18", "xdp.frags")
	s := row(1)
	s.MaxEntries = 4
	c := mustLoad(t, s)
	first := c.Program(0)
	frags := xdp("frags", 0)
	frags.Flags = 1 << 5
	err := c.PutAll(mustProgram(t, xdp("a", 7)), mustProgram(t, xdp("b", 7)), mustProgram(t, frags))
	var slot *tailcall.SlotError
	if !errors.Is(err, syscall.EINVAL) || !errors.As(err, &slot) || slot.Slot != 2 {
		t.Errorf("PutAll() = %v, want EINVAL for slot 2", err)
	}
	wantReturn(t, c.Entry(), 1)
	if c.Len() != 1 || c.Program(0) != first {
		t.Errorf("Len() = %d, Program(0) = %v", c.Len(), c.Program(0))
	}
	if err := c.Verify(); err != nil {
		t.Errorf("Verify() = %v", err)
	}
}

// TestRefusedInNested wants the program named that uses the array at hand, not
// the entry, which is of another type.
func TestRefusedInNested(t *testing.T) {
	tc := func(name string, body ...asm.Instructions) *ebpf.ProgramSpec {
		p := xdp(name, 0, body...)
		p.Type = ebpf.SchedCLS
		return p
	}
	c := mustLoad(t, &tailcall.Spec{
		Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(xdp("end", 1)),
		Others: []*ebpf.ProgramSpec{tc("second", call("verdicts", to(0)))},
		Nested: []tailcall.Array{{Map: "verdicts", Slots: slots(tc("ok"))}},
	})
	err := c.Nested("verdicts").Set(0, c.Program(0))
	want := `array "verdicts", slot 0, program "end": the kernel refuses it beside program "second": type XDP instead of SchedCLS`
	if !errors.Is(err, syscall.EINVAL) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Set() = %v\nwant %s", err, want)
	}
}

// TestConcurrent closes a chain while others use it.
func TestConcurrent(t *testing.T) {
	for range 5 {
		c := mustLoad(t, row(3))
		other := mustProgram(t, xdp("other", 7))
		var wg sync.WaitGroup
		for _, fn := range []func() error{
			func() error { return c.Set(1, other) },
			func() error { return c.Swap(map[uint32]*ebpf.ProgramSpec{0: xdp("a", 7), 2: xdp("b", 7)}) },
			func() error { return c.Verify() },
			func() error { _ = c.Graph().String(); _, _ = c.Len(), c.ByName("a"); return c.Verify() },
			func() error { _, err := c.Entry().Run(bpfx.RunInput{Data: frame(0)}); return err },
		} {
			wg.Go(func() {
				for range 1000 {
					if err := fn(); errors.Is(err, os.ErrClosed) {
						return
					} else if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		if err := c.Swap(map[uint32]*ebpf.ProgramSpec{0: xdp("a", 7)}); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}

// mustArray returns an array and a program that calls its slot 0.
func mustArray(tb testing.TB, max uint32) (*ebpf.Map, *bpfx.Program) {
	tb.Helper()
	testutil.NeedRoot(tb)
	array, err := ebpf.NewMap(&ebpf.MapSpec{Name: "jump", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: max})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { array.Close() })
	spec := xdp("entry", 0, call("jump", to(0)))
	if err := spec.Instructions.AssociateMap("jump", array); err != nil {
		tb.Fatal(err)
	}
	return array, mustProgram(tb, spec)
}

func must(tb testing.TB, array *ebpf.Map, entry *bpfx.Program, programs map[uint32]*bpfx.Program) *tailcall.Chain {
	tb.Helper()
	c, err := tailcall.New(array, entry, programs)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestNew(t *testing.T) {
	array, entry := mustArray(t, 4)
	first, before := mustProgram(t, xdp("first", 1)), mustProgram(t, xdp("before", 5))
	if err := array.Put(uint32(3), before.Program); err != nil {
		t.Fatal(err)
	}
	c := mustChain(t, must(t, array, entry, map[uint32]*bpfx.Program{0: first}), nil)
	if err := array.Close(); err != nil { // the chain has its own descriptor
		t.Fatal(err)
	}
	wantReturn(t, entry, 1)
	if c.Len() != 2 || c.Program(3) == nil {
		t.Errorf("Len() = %d, Program(3) = %v", c.Len(), c.Program(3))
	}
	want := "entry (XDP)\n└─ first  <- jump[0], instruction 5\nnot reached:\n  before"
	if got := c.Graph().String(); got != want {
		t.Errorf("Graph() = %s\nwant %s", got, want)
	}
	if err := c.Verify(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	wantReturn(t, first, 1) // stays open
}

func TestNewFails(t *testing.T) {
	array, entry := mustArray(t, 2)
	first := mustProgram(t, xdp("first", 1))
	hash, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer hash.Close()
	closed := mustProgram(t, xdp("closed", 1))
	closed.Close()
	for _, tt := range []struct {
		name     string
		array    *ebpf.Map
		entry    *bpfx.Program
		programs map[uint32]*bpfx.Program
		want     string
	}{
		{"no array", nil, entry, nil, "nil array"},
		{"no program array", hash, entry, nil, "Hash"},
		{"no entry", array, nil, nil, "nil entry"},
		{"closed entry", array, closed, nil, "closed"},
		{"nil program", array, entry, map[uint32]*bpfx.Program{0: first, 1: nil}, `slot 1: nil program`},
		{"range", array, entry, map[uint32]*bpfx.Program{0: first, 2: first}, `slot 2, program "first": the array has 2 slots`},
	} {
		if _, err := tailcall.New(tt.array, tt.entry, tt.programs); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: New() = %v, want %q in it", tt.name, err, tt.want)
		}
		wantReturn(t, entry, 0) // slot 0 is empty again
	}
}

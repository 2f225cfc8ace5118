package tailcall_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/internal/testutil"
)

// frame is a packet for test runs, whose bytes are all n.
func frame(n byte) []byte {
	b := make([]byte, 64)
	for i := range b {
		b[i] = n
	}
	return b
}

// mustLoad loads a chain and closes it when the test ends.
func mustLoad(tb testing.TB, s *tailcall.Spec) *tailcall.Chain {
	tb.Helper()
	testutil.NeedRoot(tb)
	c, err := tailcall.Load(s)
	return mustChain(tb, c, err)
}

func mustChain(tb testing.TB, c *tailcall.Chain, err error) *tailcall.Chain {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error("close the chain:", err)
		}
	})
	return c
}

// mustProgram loads a program and closes it when the test ends.
func mustProgram(tb testing.TB, spec *ebpf.ProgramSpec) *bpfx.Program {
	tb.Helper()
	testutil.NeedRoot(tb)
	p, err := bpfx.Load(spec, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.Close() })
	return p
}

// wantReturn runs the entry of a chain.
func wantReturn(tb testing.TB, p *bpfx.Program, want uint32) {
	tb.Helper()
	res, err := p.Run(bpfx.RunInput{Data: frame(0)})
	if err != nil {
		tb.Fatal(err)
	}
	if res.Return != want {
		tb.Errorf("%v returned %d, want %d", p, res.Return, want)
	}
}

func TestLoad(t *testing.T) {
	c := mustLoad(t, row(3))
	wantReturn(t, c.Entry(), 3)
	if c.Len() != 3 || c.MaxEntries() != 3 {
		t.Errorf("Len() = %d, MaxEntries() = %d, want 3 and 3", c.Len(), c.MaxEntries())
	}
	var all []uint32
	for i, p := range c.All() {
		if all = append(all, i); p != c.Program(i) {
			t.Errorf("All() has %v in slot %d, Program(%d) = %v", p, i, i, c.Program(i))
		}
	}
	if diff := cmp.Diff([]uint32{0, 1, 2}, all); diff != "" {
		t.Errorf("All() (-want +got):\n%s", diff)
	}
	if p := c.ByName("stageab"); p == nil || p != c.Program(1) {
		t.Errorf("ByName(stageab) = %v, want %v", p, c.Program(1))
	}
	if p := c.ByName("nobody"); p != nil {
		t.Errorf("ByName(nobody) = %v", p)
	}
	if p := c.Program(77); p != nil {
		t.Errorf("Program(77) = %v", p)
	}
	if m := c.Map("jump"); m == nil || m.Type() != ebpf.ProgramArray {
		t.Errorf("Map(jump) = %v", m)
	}
	if err := c.Verify(); err != nil {
		t.Errorf("Verify() = %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close() = %v", err)
	}
	for name, err := range map[string]error{
		"Set": c.Set(0, c.Entry()), "Swap": c.Swap(nil), "Clear": c.Clear(0), "Verify": c.Verify(), "Pin": c.Pin("/"), "Unpin": c.Unpin(),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s after Close = %v, want ErrClosed", name, err)
		}
	}
}

// TestLongest runs a chain of as many calls as the kernel follows.
func TestLongest(t *testing.T) {
	wantReturn(t, mustLoad(t, row(33)).Entry(), 33)
}

// TestNested runs a chain that has several entries, arrays, and other maps.
func TestNested(t *testing.T) {
	count := asm.Instructions{
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, 0).WithReference("counts"),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "none"),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("none"),
	}
	s := &tailcall.Spec{
		Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Strict: true,
		Others: []*ebpf.ProgramSpec{xdp("second", 0, call("verdicts", to(1)))},
		Slots:  slots(xdp("parse", 0, call("verdicts", to(0)))),
		Nested: []tailcall.Array{{Map: "verdicts", Slots: slots(xdp("drop", 1, count), xdp("pass", 2, count))}},
		Collection: &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{
			"counts": {Name: "counts", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1},
			"unused": {Name: "unused", Type: ebpf.Hash, KeySize: 1, ValueSize: 1, MaxEntries: 1},
		}},
	}
	c := mustLoad(t, s)
	wantReturn(t, c.Entry(), 1)
	wantReturn(t, c.Others()[0], 2)
	var n uint64
	if err := c.Map("counts").Lookup(uint32(0), &n); err != nil || n != 2 {
		t.Errorf("counted %d, %v, want 2", n, err)
	}
	if c.Map("unused") != nil {
		t.Error("a map that no program uses was created")
	}
	verdicts := c.Nested("verdicts")
	if verdicts == nil || verdicts.Len() != 2 || c.Nested("nobody") != nil {
		t.Fatalf("Nested() = %v", verdicts)
	}
	if err := verdicts.Set(0, verdicts.Program(1)); err != nil {
		t.Fatal(err)
	}
	wantReturn(t, c.Entry(), 2)
	if err := c.Verify(); err != nil {
		t.Errorf("Verify() = %v", err)
	}
}

// TestVariableOfChain reads a global variable that a stage counts in.
func TestVariableOfChain(t *testing.T) {
	count := asm.Instructions{
		asm.LoadMapValue(asm.R1, 0, 0).WithReference(".bss"),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
	}
	s := &tailcall.Spec{
		Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(xdp("count", 1, count)),
		Collection: &ebpf.CollectionSpec{
			Maps: map[string]*ebpf.MapSpec{".bss": {
				Name: ".bss", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1,
				Contents: []ebpf.MapKV{{Key: uint32(0), Value: make([]byte, 8)}},
			}},
			Variables: map[string]*ebpf.VariableSpec{"runs": {Name: "runs", SectionName: ".bss", Value: make([]byte, 8)}},
		},
		Options: &ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelStats}},
	}
	c := mustLoad(t, s)
	wantReturn(t, c.Entry(), 1)
	v := c.Variable("runs")
	if v == nil || c.Variable("other") != nil {
		t.Fatalf("Variable(runs) = %v", v)
	}
	var n uint64
	if err := c.Map(".bss").Lookup(uint32(0), &n); err != nil || n != 1 {
		t.Errorf("counted %d, %v, want 1", n, err)
	}
	if c.Entry().VerifierLog == "" {
		t.Error("Options.Programs was not used")
	}

	// The same chain with the map of another.
	s.Options = &ebpf.CollectionOptions{MapReplacements: map[string]*ebpf.Map{".bss": c.Map(".bss"), "unknown": c.Map("jump")}}
	wantReturn(t, mustLoad(t, s).Entry(), 1)
	if err := c.Map(".bss").Lookup(uint32(0), &n); err != nil || n != 2 {
		t.Errorf("counted %d, %v, want 2", n, err)
	}
}

// TestLoadFails has each step of loading fail. TestMain sees that nothing is
// left open.
func TestLoadFails(t *testing.T) {
	testutil.NeedRoot(t)
	invalid := xdp("invalid", 0)
	invalid.Instructions = asm.Instructions{asm.Mov.Reg(asm.R0, asm.R5), asm.Return()}
	for _, tt := range []struct {
		name string
		spec *tailcall.Spec
		want []string
	}{
		{"nil", nil, []string{"load chain: nil spec"}},
		{"check", &tailcall.Spec{Map: "jump", MaxEntries: 2, Entry: xdp("entry", 0, call("jump", to(1)), call("jump", to(2)))}, []string{
			`load chain "jump": 2 findings`, "instruction 5", "instruction 10", "slot 1", "slot 2",
		}},
		{"strict", &tailcall.Spec{Map: "jump", Strict: true, Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(xdp("a", 0), xdp("b", 0))}, []string{
			`load chain "jump": program "b", array "jump", slot 1: no call leads here`,
		}},
		{"program", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0)), call("jump", to(1))), Slots: slots(xdp("a", 0), invalid)}, []string{
			`load chain "jump": array "jump", slot 1: load program "invalid": `, "R5 !read_ok",
		}},
		{"map", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(xdp("a", 0, asm.Instructions{asm.LoadMapPtr(asm.R1, 0).WithReference("m")})),
			Collection: &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"m": {Type: ebpf.Hash, KeySize: 0, ValueSize: 1, MaxEntries: 1}}}}, []string{`load chain "jump": `, "map m"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := tailcall.Load(tt.spec)
			if err == nil {
				c.Close()
				t.Fatal("Load() = nil")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Load() = %v, want %q in it", err, want)
				}
			}
		})
	}
}

func TestSet(t *testing.T) {
	c := mustLoad(t, row(2))
	other := mustProgram(t, xdp("other", 7))
	first := c.Program(0)
	if err := c.Set(0, other); err != nil {
		t.Fatal(err)
	}
	wantReturn(t, c.Entry(), 7)
	if c.Program(0) != other {
		t.Errorf("Program(0) = %v, want %v", c.Program(0), other)
	}
	if err := other.Close(); err != nil { // the slot keeps it
		t.Fatal(err)
	}
	wantReturn(t, c.Entry(), 7)
	if err := c.Verify(); err != nil {
		t.Errorf("Verify() after closing what is in a slot = %v", err)
	}
	if err := c.Set(0, first); err != nil {
		t.Errorf("Set() back = %v", err)
	}
	wantReturn(t, c.Entry(), 2)

	tc := mustProgram(t, &ebpf.ProgramSpec{Name: "tc", Type: ebpf.SchedCLS, License: "GPL", Instructions: xdp("", 0).Instructions})
	frags := xdp("frags", 0)
	frags.Flags = 1 << 5
	for _, tt := range []struct {
		name string
		slot uint32
		p    *bpfx.Program
		want string
		is   error
	}{
		{"nil", 0, nil, `array "jump", slot 0: nil program`, nil},
		{"range", 2, first, `array "jump", slot 2, program "stageaa": the array has 2 slots`, nil},
		{"type", 1, tc, `array "jump", slot 1, program "tc": the kernel refuses it beside program "entry": type SchedCLS instead of XDP`, syscall.EINVAL},
		{"closed", 1, other, `array "jump", slot 1, program "closed": `, os.ErrClosed},
	} {
		err := c.Set(tt.slot, tt.p)
		var slot *tailcall.SlotError
		if !errors.As(err, &slot) || !strings.HasPrefix(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: Set() = %v, want %q", tt.name, err, tt.want)
		}
	}
	wantReturn(t, c.Entry(), 2)
}

// TestSetRefused has the kernel refuse a program of the right type.
func TestSetRefused(t *testing.T) {
	testutil.NeedKernel(t, "5.18", "xdp.frags")
	c := mustLoad(t, row(1))
	spec := xdp("frags", 0)
	spec.Flags = 1 << 5
	err := c.Set(0, mustProgram(t, spec))
	if !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "xdp.frags") {
		t.Errorf("Set() = %v, want EINVAL and its cause", err)
	}
	wantReturn(t, c.Entry(), 1)
}

func TestClear(t *testing.T) {
	c := mustLoad(t, row(2))
	if err := c.Clear(0); err != nil {
		t.Fatal(err)
	}
	wantReturn(t, c.Entry(), 0)
	if c.Len() != 1 || c.Program(0) != nil {
		t.Errorf("Len() = %d, Program(0) = %v after Clear", c.Len(), c.Program(0))
	}
	if err := c.Clear(0); !errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Errorf("Clear() of an empty slot = %v, want ErrKeyNotExist", err)
	}
	if err := c.Clear(2); err == nil || !strings.Contains(err.Error(), "2 slots") {
		t.Errorf("Clear(2) = %v", err)
	}
	if err := c.Verify(); err != nil {
		t.Errorf("Verify() = %v", err)
	}
}

func TestKeepPrograms(t *testing.T) {
	s := row(1)
	s.KeepPrograms = true
	c := mustLoad(t, s)
	entry, first := c.Entry(), c.Program(0)
	t.Cleanup(func() { entry.Close(); first.Close() })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	wantReturn(t, entry, 1) // it holds the array
	wantReturn(t, first, 1)
}

func TestWith(t *testing.T) {
	testutil.NeedRoot(t)
	errFn := errors.New("fn")
	var entry *bpfx.Program
	err := tailcall.With(row(1), func(c *tailcall.Chain) error {
		entry = c.Entry()
		wantReturn(t, entry, 1)
		return errFn
	})
	if err != errFn { //nolint:errorlint // unchanged
		t.Errorf("With() = %v, want the function's error", err)
	}
	if _, err := entry.Run(bpfx.RunInput{Data: frame(0)}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Run() after With = %v, want ErrClosed", err)
	}
	testutil.Eventually(t, "the entry to be freed", func() bool { return !entry.Loaded() })
	if err := tailcall.With(row(34), func(*tailcall.Chain) error { t.Error("called"); return nil }); err == nil {
		t.Error("With() of a chain that is too long = nil")
	}
}

// TestLoadUnreached loads a program that refers to a map where no way leads, as
// what is behind a switch that is off. The verifier removes it, after it was
// given the map.
func TestLoadUnreached(t *testing.T) {
	c := mustLoad(t, &tailcall.Spec{
		Map: "jump", Slots: slots(xdp("end", 7)), Entry: xdp("entry", 0,
			asm.Instructions{
				asm.Mov.Imm(asm.R7, 0),
				asm.JEq.Imm(asm.R7, 0, "off"),
				asm.LoadMapPtr(asm.R1, 0).WithReference("counts"),
				asm.Mov.Imm(asm.R7, 0).WithSymbol("off"),
			}, call("jump", to(0))),
		Collection: &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{
			"counts": {Name: "counts", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		}},
	})
	wantReturn(t, c.Entry(), 7)
}

package bpfx_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx"
)

func TestFilterString(t *testing.T) {
	for want, f := range map[string]bpfx.Filter{
		"all":                         {},
		"pid 42":                      {PID: 42},
		"tid 43":                      {TID: 43},
		"cpu 0":                       {CPUs: []int{0}},
		"cpu none":                    {CPUs: []int{}},
		"cpu 0-3,6,8-9":               {CPUs: []int{9, 0, 2, 1, 8, 3, 6, 2}},
		"pid 42, tid 43, cpu 1,8191":  {PID: 42, TID: 43, CPUs: []int{8191, 1}},
		"pid -1, tid -2, cpu -4--3,7": {PID: -1, TID: -2, CPUs: []int{7, -3, -4}},
	} {
		if got := f.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	good := func() *ebpf.ProgramSpec {
		return &ebpf.ProgramSpec{Name: "prog", Type: ebpf.RawTracepoint, Instructions: constant(0)}
	}
	if _, err := (bpfx.Filter{}).Apply(nil); err == nil || !strings.Contains(err.Error(), "nil program spec") {
		t.Errorf("Apply(nil) = %v", err)
	}
	for _, tt := range []struct {
		name   string
		filter bpfx.Filter
		spec   func(*ebpf.ProgramSpec)
		want   []string
	}{
		{"negative", bpfx.Filter{PID: -1, TID: -2, CPUs: []int{0, -3}}, nil, []string{"PID -1", "TID -2", "CPU -3"}},
		{"large", bpfx.Filter{PID: math.MaxInt32 + 1, TID: math.MaxInt32 + 2, CPUs: []int{8192}}, nil, []string{"PID 2147483648", "TID 2147483649", "CPU 8192"}},
		{"no CPU", bpfx.Filter{CPUs: []int{}}, nil, []string{"CPUs is empty", "nil means all"}},
		{"no instructions", bpfx.Filter{PID: 1}, func(s *ebpf.ProgramSpec) { s.Instructions = nil }, []string{"no instructions"}},
		{"no type", bpfx.Filter{PID: 1}, func(s *ebpf.ProgramSpec) { s.Type = ebpf.UnspecifiedProgram }, []string{"unspecified program type"}},
	} {
		spec := good()
		if tt.spec != nil {
			tt.spec(spec)
		}
		out, err := tt.filter.Apply(spec)
		if err == nil || out != nil {
			t.Errorf("%s: Apply() = %v, %v; want an error", tt.name, out, err)
			continue
		}
		for _, want := range append(tt.want, `program "prog"`) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q lacks %q", tt.name, err, want)
			}
		}
	}
}

// filterTypes has what programs return that a filter keeps from running.
var filterTypes = []struct {
	typ    ebpf.ProgramType
	attach ebpf.AttachType
	want   int32
}{
	{ebpf.Kprobe, ebpf.AttachNone, 1},
	{ebpf.Kprobe, ebpf.AttachPerfEvent, 1},
	{ebpf.Kprobe, ebpf.AttachTraceKprobeMulti, 0},
	{ebpf.Kprobe, ebpf.AttachTraceUprobeMulti, 0},
	{ebpf.Kprobe, ebpf.AttachTraceKprobeSession, 1},
	{ebpf.Kprobe, 57, 1}, // uprobe.session
	{ebpf.TracePoint, ebpf.AttachNone, 1},
	{ebpf.PerfEvent, ebpf.AttachNone, 1},
	{ebpf.RawTracepoint, ebpf.AttachNone, 0},
	{ebpf.RawTracepointWritable, ebpf.AttachNone, 0},
	{ebpf.Tracing, ebpf.AttachTraceRawTp, 0},
	{ebpf.Tracing, ebpf.AttachTraceFEntry, 0},
	{ebpf.Tracing, ebpf.AttachTraceFExit, 0},
	{ebpf.Tracing, ebpf.AttachModifyReturn, 0},
	{ebpf.LSM, ebpf.AttachLSMMac, 0},
	{ebpf.CGroupSock, ebpf.AttachCGroupInetSockCreate, 1},
	{ebpf.CGroupSockAddr, ebpf.AttachCGroupInet4Connect, 1},
	{ebpf.CGroupDevice, ebpf.AttachCGroupDevice, 1},
	{ebpf.CGroupSysctl, ebpf.AttachCGroupSysctl, 1},
}

func TestFilterTypes(t *testing.T) {
	taken := make(map[ebpf.ProgramType]bool)
	for _, tt := range filterTypes {
		taken[tt.typ] = true
		spec := &ebpf.ProgramSpec{Type: tt.typ, AttachType: tt.attach, Instructions: constant(7)}
		out, err := bpfx.Filter{PID: 42}.Apply(spec)
		if err != nil {
			t.Errorf("%v, %v: %v", tt.typ, tt.attach, err)
			continue
		}
		want := asm.Instructions{
			asm.Mov.Reg(asm.R6, asm.R1),
			asm.FnGetCurrentPidTgid.Call(),
			asm.RSh.Imm(asm.R0, 32),
			asm.JEq.Imm(asm.R0, 42, "pass"),
			asm.Mov.Imm(asm.R0, tt.want),
			asm.Return(),
			asm.Mov.Reg(asm.R1, asm.R6).WithSymbol("pass"),
			asm.Mov.Imm(asm.R0, 7),
			asm.Return(),
		}
		if got, want := wire(t, out.Instructions), wire(t, want); !bytes.Equal(got, want) {
			t.Errorf("%v, %v:\n%v", tt.typ, tt.attach, out.Instructions)
		}
	}

	// Every other type is refused, with the reason.
	for typ := ebpf.SocketFilter; typ <= ebpf.Netfilter; typ++ {
		if taken[typ] {
			continue
		}
		_, err := bpfx.Filter{CPUs: []int{0}}.Apply(&ebpf.ProgramSpec{Name: "p", Type: typ, Instructions: constant(0)})
		if err == nil || !strings.Contains(err.Error(), typ.String()+": ") || strings.Contains(err.Error(), "not known") {
			t.Errorf("%v: Apply() = %v, want why not", typ, err)
		}
	}
	for _, tt := range []struct {
		typ    ebpf.ProgramType
		attach ebpf.AttachType
		want   string
	}{
		{ebpf.Tracing, ebpf.AttachTraceIter, "iterator"},
		{ebpf.Tracing, ebpf.AttachNone, "not known"},
		{ebpf.LSM, ebpf.AttachNone, "not known"},
		{ebpf.LSM, ebpf.AttachLSMCgroup, "not known"},
		{ebpf.Kprobe, 1000, "not known"},
		{ebpf.Netfilter + 1, 0, "not known"},
		{ebpf.WindowsXDP, 0, "not known"},
	} {
		_, err := bpfx.Filter{PID: 1}.Apply(&ebpf.ProgramSpec{Type: tt.typ, AttachType: tt.attach, Instructions: constant(0)})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, %v: Apply() = %v, want %q", tt.typ, tt.attach, err, tt.want)
		}
	}
}

// A filter finds the way through its own head as the numbers say.
func TestFilterHead(t *testing.T) {
	const pid, tid = 1 << 22, 7
	for _, f := range []bpfx.Filter{
		{PID: pid}, {TID: tid}, {PID: pid, TID: tid}, {CPUs: []int{0}}, {CPUs: []int{5}}, {CPUs: []int{0, 1, 2}},
		{CPUs: []int{3, 4, 9, 11, 12}}, {CPUs: []int{0, 63, 64, 127, 192, 8191}}, {CPUs: []int{8128, 65}}, {PID: pid, CPUs: []int{1}}, {TID: tid, CPUs: []int{0, 1, 8191}}, {PID: pid, TID: tid, CPUs: []int{2, 3}},
	} {
		out, err := f.Apply(&ebpf.ProgramSpec{Type: ebpf.TracePoint, Instructions: constant(7)})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []uint64{0, 1, tid, pid, pid + 1, math.MaxInt32} {
			for _, th := range []uint64{1, tid, pid, math.MaxInt32} {
				for _, cpu := range []uint64{0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 63, 64, 65, 127, 128, 192, 8127, 8128, 8190, 8191} {
					want := uint64(1)
					if (f.PID == 0 || f.PID == int(p)) && (f.TID == 0 || f.TID == int(th)) && (f.CPUs == nil || slices.Contains(f.CPUs, int(cpu))) {
						want = 7
					}
					if got := interpret(t, out.Instructions, p<<32|th, cpu); got != want {
						t.Fatalf("%v: pid %d, tid %d, cpu %d gives %d, want %d:\n%v", f, p, th, cpu, got, want, out.Instructions)
					}
				}
			}
		}
	}
}

// Symbols and metadata are where they belong.
func TestFilterMetadata(t *testing.T) {
	fn := &btf.Func{Name: "prog", Type: &btf.FuncProto{Return: &btf.Int{Name: "int", Size: 4}}, Linkage: btf.GlobalFunc}
	sub := &btf.Func{Name: "sub", Type: fn.Type}
	relo := &btf.CORERelocation{}
	first := btf.WithCORERelocationMetadata(btf.WithFuncMetadata(asm.Mov.Imm(asm.R0, 1), fn), relo).WithSymbol("prog").WithSource(asm.Comment("first line"))
	spec := &ebpf.ProgramSpec{Name: "prog", Type: ebpf.RawTracepoint, Instructions: asm.Instructions{
		first,
		asm.JEq.Imm(asm.R0, 2, "prog"), // a loop to the start
		asm.LongJump("prog"),
		asm.LoadMapPtr(asm.R1, 0).WithReference("filter_pass"), // a name that the head would like
		asm.Call.Label("prog"),
		asm.LoadImm(asm.R2, -1, asm.DWord).WithReference("prog"),
		asm.Call.Label("sub"),
		asm.Return().WithSymbol("prog_unfiltered"),
		btf.WithFuncMetadata(asm.Mov.Imm(asm.R0, 0).WithSymbol("sub").WithSource(asm.Comment("sub")), sub),
		asm.Return(),
	}}
	spec.Instructions[5].Src = asm.PseudoFunc
	before := append(asm.Instructions(nil), spec.Instructions...)

	out, err := bpfx.Filter{PID: 42}.Apply(spec)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.String(), spec.Instructions.String()); diff != "" || btf.FuncMetadata(&spec.Instructions[0]) != fn {
		t.Errorf("Apply changed the spec: %s", diff)
	}
	insns := out.Instructions
	head, old := insns[:7], insns[7:]
	if insns.Name() != "prog" || btf.FuncMetadata(&insns[0]) != fn || insns[0].Source().String() != "filter: pid 42" || btf.CORERelocationMetadata(&insns[0]) != nil {
		t.Errorf("head starts with %+v", insns[0])
	}
	if btf.FuncMetadata(&old[0]) != nil || old[0].Source().String() != "first line" || btf.CORERelocationMetadata(&old[0]) != relo {
		t.Errorf("old first instruction: %+v", old[0])
	}
	if old[0].Symbol() != "prog_unfiltered_2" || head[6].Symbol() != "filter_pass_2" || btf.FuncMetadata(&old[8]) != sub {
		t.Errorf("symbols:\n%v", insns)
	}
	for i, want := range []string{"", "prog_unfiltered_2", "prog_unfiltered_2", "filter_pass", "prog", "prog", "sub"} {
		if got := old[i].Reference(); got != want {
			t.Errorf("old instruction %d refers to %q, want %q", i, got, want)
		}
	}

	// Without line info the head has none either.
	plain, err := bpfx.Filter{PID: 42}.Apply(&ebpf.ProgramSpec{Type: ebpf.RawTracepoint, Instructions: constant(0)})
	if err != nil {
		t.Fatal(err)
	}
	if p := plain.Instructions; p[0].Source() != nil || p.Name() != "" || p[7].Symbol() != "" {
		t.Errorf("a program without metadata got some:\n%v", p)
	}

	// The zero Filter copies, whatever the type.
	xdp := &ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: constant(2)}
	same, err := bpfx.Filter{}.Apply(xdp)
	if err != nil || same == xdp || !bytes.Equal(wire(t, same.Instructions), wire(t, xdp.Instructions)) {
		t.Errorf("zero Filter: %v, %v", same, err)
	}
	same.Instructions[0] = asm.Return()
	if xdp.Instructions[0].OpCode == same.Instructions[0].OpCode {
		t.Error("the copy shares instructions")
	}
}

// Raw bytecode that refers to its own start by distance goes on doing so.
func TestFilterBytecode(t *testing.T) {
	call := asm.Call.Label("")
	call.Constant = -2 // from 1 to 0
	load := asm.LoadImm(asm.R2, int64(math.MaxUint32-2), asm.DWord)
	load.Src = asm.PseudoFunc // -3, from 2 to 0
	sub := asm.Call.Label("")
	sub.Constant = 1 // from 4 to 6
	code := wire(t, asm.Instructions{asm.Mov.Imm(asm.R0, 0), call, load, sub, asm.Return(), asm.Mov.Imm(asm.R0, 1), asm.Return()})
	spec, err := bpfx.FromBytecode(ebpf.LSM, code)
	if err != nil {
		t.Fatal(err)
	}
	spec.AttachType = ebpf.AttachLSMMac
	out, err := bpfx.Filter{PID: 1, TID: 1}.Apply(spec)
	if err != nil {
		t.Fatal(err)
	}
	got := wire(t, out.Instructions)
	n := len(got) - len(code)
	imm := func(i int) int { return int(int32(binary.NativeEndian.Uint32(got[n+8*i+4:]))) }
	if head := n / 8; imm(1) != -2-head || imm(2) != -3-head || imm(4) != 1 {
		t.Errorf("distances %d, %d, %d behind a head of %d:\n%v", imm(1), imm(2), imm(4), n/8, out.Instructions)
	}
}

// Whatever the program, its bytes follow the head unchanged.
func TestFilterKeepsBytes(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range 2000 {
		spec := &ebpf.ProgramSpec{Type: ebpf.RawTracepoint, Instructions: randomProgram(rng)}
		f := randomFilter(rng)
		once, err := f.Apply(spec)
		if err != nil {
			t.Fatalf("seed %d, program %d: %v", seed, i, err)
		}
		twice, err := f.Apply(once)
		if err != nil {
			t.Fatalf("seed %d, program %d: %v", seed, i, err)
		}
		want, got, again := wire(t, spec.Instructions), wire(t, once.Instructions), wire(t, twice.Instructions)
		if !bytes.HasSuffix(got, want) || !bytes.HasSuffix(again, got) || !bytes.Equal(again[:len(again)-len(got)], got[:len(got)-len(want)]) {
			t.Fatalf("seed %d, program %d, %v:\n%v\nbecame\n%v\nand\n%v", seed, i, f, spec.Instructions, once.Instructions, twice.Instructions)
		}
	}
}

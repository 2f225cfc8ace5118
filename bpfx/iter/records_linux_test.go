package iter

import (
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"weak"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
	"github.com/bpfx/go/internal/testutil"
)

func nativeUint64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }

func TestRecordsRefuse(t *testing.T) {
	it := mustOpen(t, mustLoad(t, "task", pids(t, "task")), nil)
	type withPointer struct {
		TID uint64
		Ptr *byte
	}
	type short struct{ TID, PID uint32 }
	for _, tt := range []struct {
		name string
		got  error
		want string
	}{
		{"pointer", last(Records[withPointer](it)), "field Ptr: *uint8 is a pointer"},
		{"string", last(Records[string](it)), "use an array"},
		{"int", last(Records[[2]int](it)), "use int32 or int64"},
		{"nothing", last(Records[struct{}](it)), "has no size"},
		{"too short", last(Records[short](it)), "type iter.short has 8 bytes, the program writes records of 16"},
		{"too long", last(Records[[3]uint64](it)), "type [3]uint64 has 24 bytes, the program writes records of 16"},
		{"bytes of another size", last(Bytes(it, 8)), "records of 8 bytes were asked for, the program writes 16"},
		{"bytes of no size", last(Bytes(it, 0)), "the size must be above 0"},
		{"bytes of less", last(Bytes(it, -1)), "the size must be above 0"},
		{"bytes of too many", last(Bytes(it, int(^uint(0)>>1))), "at most"},
	} {
		if tt.got == nil || !strings.Contains(tt.got.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, tt.got, tt.want)
		}
	}
	for r, err := range Records[pid](it) { // the right one, and left early
		if err != nil || r.TID == 0 {
			t.Errorf("record %v, %v", r, err)
		}
		break
	}
	n := 0
	for b, err := range Bytes(it, 16) {
		if err != nil || len(b) != 16 || cap(b) != 16 {
			t.Errorf("record %v, %v", b, err)
		}
		if n++; n == 2 {
			break
		}
	}
}

// TestRecordsPartial reads a program that this package knows nothing of, since
// another one loaded it.
func TestRecordsPartial(t *testing.T) {
	p, err := bpfx.Load(Spec("task", pids(t, "task")), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	it := mustOpen(t, p, &Options{})
	defer it.Close()
	if got := it.String(); got != "iterator" {
		t.Errorf("String() = %q", got)
	}
	data, err := it.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// All but half a record of them: no number of records of 16 bytes fills that,
	// however many tasks come and go meanwhile.
	size := len(data) - 8
	if size < 16 {
		t.Fatalf("only %d bytes", len(data))
	}
	n := 0
	var got error
	for _, err := range Bytes(it, size) {
		n++
		got = err
	}
	if !errors.Is(got, io.ErrUnexpectedEOF) || !strings.Contains(got.Error(), "bytes are over") {
		t.Errorf("%d records, the last with %v, want that bytes are over", n, got)
	}
}

// TestTooBig has a program write more for an object than the kernel has room
// for.
func TestTooBig(t *testing.T) {
	insns := asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), // meta
		asm.LoadMem(asm.R6, asm.R6, 0, asm.DWord), // seq
		asm.Mov.Imm(asm.R1, 0),
	}
	for i := range 64 {
		insns = append(insns, asm.StoreMem(asm.R10, int16(-8*(i+1)), asm.R1, asm.DWord))
	}
	for range chunk/512 + 1 {
		insns = append(insns, asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Reg(asm.R2, asm.R10), asm.Add.Imm(asm.R2, -512),
			asm.Mov.Imm(asm.R3, 512), asm.FnSeqWrite.Call())
	}
	it := mustOpen(t, mustLoad(t, "task", append(insns, quiet()...)), nil)
	if _, err := it.ReadAll(); !errors.Is(err, syscall.E2BIG) || !strings.Contains(err.Error(), "more for one object") {
		t.Errorf("ReadAll() = %v, want E2BIG and why", err)
	}
}

// TestReturnsOne has programs ask for the first object for ever.
func TestReturnsOne(t *testing.T) {
	insns := asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}
	it := mustOpen(t, mustLoad(t, "task", insns), nil)
	if err := last(Records[uint64](it)); !errors.Is(err, syscall.EAGAIN) || !strings.Contains(err.Error(), "return 0 to go on") {
		t.Errorf("Records = %v, want that the program has to go on", err)
	}
}

// TestSilent walks over more objects than the kernel does in one read, of which
// the program writes the last.
func TestSilent(t *testing.T) {
	const n = 1_100_000
	target := mustTarget(t, "bpf_map_elem")
	insns := asm.Instructions{
		mustArg(t, target, asm.R2, asm.R1, "value"),
		asm.JEq.Imm(asm.R2, 0, "out"),
		asm.LoadMem(asm.R3, asm.R2, 0, asm.DWord),
		asm.JEq.Imm(asm.R3, 0, "out"),
		asm.StoreMem(asm.R10, -8, asm.R3, asm.DWord),
		mustArg(t, target, asm.R1, asm.R1, "meta"),
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), // seq
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -8),
		asm.Mov.Imm(asm.R3, 8),
		asm.FnSeqWrite.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	}
	p := mustLoad(t, "bpf_map_elem", insns)
	m := mustMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: n})
	mustPut(t, m, uint32(n-1), uint64(4711))
	it := mustOpen(t, p, &Options{Map: m})
	if err := m.Close(); err != nil { // the iterator keeps it
		t.Fatal(err)
	}
	if got := collect[uint64](t, it); len(got) != 1 || got[0] != 4711 {
		t.Errorf("records = %v, want 4711", got)
	}
}

// TestOpenRefused opens what can't be an iterator.
func TestOpenRefused(t *testing.T) {
	task, maps := mustLoad(t, "task", quiet()), mustLoad(t, "bpf_map", quiet())
	other, err := bpfx.Load(Spec("task", quiet()), nil) // whose target only the kernel knows
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	xdp, err := bpfx.Load(&ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: quiet(), License: "GPL"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer xdp.Close()
	rawTP, err := bpfx.Load(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sched_process_fork", Instructions: quiet(), License: "GPL",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rawTP.Close()
	m := mustMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	for _, tt := range []struct {
		name string
		p    *bpfx.Program
		opts *Options
		want string
	}{
		{"nil", nil, nil, "nil program"},
		{"empty", &bpfx.Program{}, nil, "nil program"},
		{"XDP", xdp, nil, "program is of type XDP"},
		{"tp_btf", rawTP, nil, "the program isn't an iterator's"},
		{"exclusive", task, &Options{Task: Task{TID: 1, PID: 1}}, "Task.TID and Task.PID exclude each other"},
		{"map of task", task, &Options{Map: m}, "target task takes Options.Task, Options.Map is set"},
		{"cgroup of task", task, &Options{Cgroup: Cgroup{ID: 1}}, "target task takes Options.Task, Options.Cgroup is set"},
		{"map of bpf_map", maps, &Options{Map: m}, "target bpf_map takes no options, Options.Map is set"},
		{"task of bpf_map", maps, &Options{Task: Task{PID: 1}}, "target bpf_map takes no options, Options.Task is set"},
		{"map of task, loaded elsewhere", other, &Options{Map: m}, "target task takes Options.Task, Options.Map is set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.p == rawTP && !testutil.KernelAtLeast(t, "6.0") {
				tt.want = "invalid argument" // these kernels don't tell what a program is for
			}
			it, err := Open(tt.p, tt.opts)
			if err == nil {
				it.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "attach to") {
				t.Errorf("Open() = %v, want %q", err, tt.want)
			}
		})
	}
}

// TestOpenMapRefused opens iterators of maps with others than they take.
func TestOpenMapRefused(t *testing.T) {
	p := mustLoad(t, "bpf_map_elem", quiet())
	queue := mustMap(t, &ebpf.MapSpec{Type: ebpf.Queue, ValueSize: 8, MaxEntries: 1})
	closed, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	small := mustMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	reads := mustLoad(t, "bpf_map_elem", write(t, "bpf_map_elem", raw("value", asm.DWord)))
	for _, tt := range []struct {
		name string
		p    *bpfx.Program
		m    *ebpf.Map
		want string
	}{
		{"none", p, nil, "target bpf_map_elem needs a map: set Options.Map"},
		{"closed", p, closed, "Options.Map is closed"},
		{"queue", p, queue, "the map is of type Queue, target bpf_map_elem takes hash and array maps"},
		{"beyond the value", reads, small, "the program reads beyond the map's keys of 4 bytes or its values of 4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			it, err := Open(tt.p, &Options{Map: tt.m})
			if err == nil {
				it.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open() = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestLoadRefused(t *testing.T) {
	testutil.NeedRoot(t)
	bad := Spec("task", asm.Instructions{asm.Mov.Reg(asm.R0, asm.R9), asm.Return()})
	for _, tt := range []struct {
		name string
		spec *ebpf.ProgramSpec
		is   error
		want string
	}{
		{"nil", nil, nil, "nil spec"},
		{"XDP", &ebpf.ProgramSpec{Name: "x", Type: ebpf.XDP}, nil, `program "x" is of type XDP`},
		{"no target", Spec("", quiet()), nil, "has no target: set AttachTo"},
		{"misspelt", Spec("tasks", quiet()), ebpf.ErrNotSupported, "(nearest: task)"},
		{"of loops", Spec("num_new", quiet()), ebpf.ErrNotSupported, "there is none of that name"},
		{"rejected", bad, nil, "R9 !read_ok"},
		{"wrong return value", Spec("task", asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}), nil, "load iterator: load program"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := LoadSpec(tt.spec)
			if err == nil {
				p.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("LoadSpec() = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestWith(t *testing.T) {
	testutil.NeedRoot(t)
	spec := Spec("task", pids(t, "task"))
	errFn := errors.New("fn")
	var kept *Iterator
	if err := With(spec, nil, func(it *Iterator) error { kept = it; return errFn }); err != errFn { //nolint:errorlint // the very same
		t.Errorf("With() = %v, want fn's error unchanged", err)
	}
	if _, err := kept.Reader(); err == nil {
		t.Error("the iterator is open after With")
	}
	func() {
		defer func() { _ = recover() }()
		_ = With(spec, nil, func(it *Iterator) error { kept = it; panic("oops") })
	}()
	if _, err := kept.Reader(); err == nil {
		t.Error("the iterator is open after a panic")
	}
	called := func(*Iterator) error { t.Error("fn was called"); return nil }
	if err := With(Spec("tasc", quiet()), nil, called); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("With() of no target = %v", err)
	}
	if err := With(spec, &Options{Task: Task{TID: -1}}, called); err == nil {
		t.Error("With() of bad options = nil")
	}
	if err := With(spec, nil, nil); !errors.Is(err, scope.ErrNilFunc) {
		t.Errorf("With(nil) = %v", err)
	}
	n := 0
	for r, err := range Walk[pid](spec, nil) {
		if err != nil || r.TID == 0 {
			t.Errorf("record %v, %v", r, err)
		}
		if n++; n == 3 {
			break
		}
	}
	if err := last(Walk[pid](spec, nil)); err != nil {
		t.Error(err)
	}
	if err := last(Walk[uint64](spec, nil)); err == nil || !strings.Contains(err.Error(), "records of 16") {
		t.Errorf("Walk() of another size = %v", err)
	}
	if err := last(Walk[pid](Spec("tasc", quiet()), nil)); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("Walk() of no target = %v", err)
	}
}

// TestForgotten makes sure that what is known of a program goes with it.
func TestForgotten(t *testing.T) {
	testutil.NeedRoot(t)
	var key weak.Pointer[bpfx.Program]
	func() {
		p, err := Load("task", pids(t, "task"))
		if err != nil {
			t.Fatal(err)
		}
		key = weak.Make(p)
		if got := recall(p); got.size != 16 || got.target != "task" {
			t.Errorf("recall() = %+v, want records of 16 bytes of target task", got)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	testutil.Eventually(t, "forgotten", func() bool {
		runtime.GC()
		_, known := specs.Load(key)
		return !known
	})
}

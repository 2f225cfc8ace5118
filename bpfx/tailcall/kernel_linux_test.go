package tailcall_test

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/internal/netns"
	"github.com/bpfx/go/internal/testutil"
)

// The tests of this file load chains that Check refuses or warns of, and show
// what the kernel does with them.

// A broken chain, and how the kernel answers it.
type broken struct {
	name  string
	spec  *tailcall.Spec
	level tailcall.Level
	kind  tailcall.Kind
	// The kernel refuses it with this errno, and says this:
	errno syscall.Errno
	says  string
	// or it loads it, and the entry returns this.
	returns uint32
	// Since when it is so; older kernels take it. "" means always.
	since, feature string
}

func TestKernel(t *testing.T) {
	testutil.NeedRoot(t)
	end := xdp("end", 9)
	frags := xdp("frags", 9)
	frags.Flags = 1 << 5
	attach := xdp("attach", 9)
	attach.AttachType = ebpf.AttachXDP
	tc := &ebpf.ProgramSpec{Name: "tc", Type: ebpf.SchedCLS, License: "GPL", Instructions: end.Instructions}
	caller := &ebpf.ProgramSpec{Name: "caller", Type: ebpf.SchedCLS, License: "GPL", Instructions: xdp("", 0, call("jump", to(0))).Instructions}
	closed := xdp("closed", 9)
	closed.License = "Proprietary"
	entry := xdp("entry", 5, call("jump", to(0)))
	for _, tt := range []broken{
		{
			name: "empty slot", level: tailcall.Error, kind: tailcall.EmptySlot, returns: 5,
			spec: &tailcall.Spec{Map: "jump", MaxEntries: 2, Entry: xdp("entry", 5, call("jump", to(1))), Slots: slots(end)},
		}, {
			name: "one of two may be empty", level: tailcall.Warning, kind: tailcall.EmptySlot, returns: 5,
			spec: &tailcall.Spec{Map: "jump", MaxEntries: 2, Slots: slots(end), Entry: xdp("entry", 5,
				asm.Instructions{asm.FnKtimeGetNs.Call(), asm.Mov.Imm(asm.R7, 1), asm.JNE.Imm(asm.R0, 0, "x"), asm.Mov.Imm(asm.R7, 0), asm.Mov.Imm(asm.R8, 0).WithSymbol("x")},
				call("jump", asm.Mov.Reg(asm.R3, asm.R7)))},
		}, {
			name: "out of range", level: tailcall.Error, kind: tailcall.OutOfRange, returns: 5,
			spec: &tailcall.Spec{Map: "jump", Entry: xdp("entry", 5, call("jump", to(1))), Slots: slots(end)},
		}, {
			name: "negative index", level: tailcall.Error, kind: tailcall.OutOfRange, returns: 5,
			spec: &tailcall.Spec{Map: "jump", Entry: xdp("entry", 5, call("jump", to(-1))), Slots: slots(end)},
		}, {
			name: "only the lower half counts", level: tailcall.Warning, kind: tailcall.Unreachable, returns: 9,
			spec: &tailcall.Spec{Map: "jump", Slots: slots(xdp("other", 4), end), Entry: xdp("entry", 5,
				asm.Instructions{asm.FnKtimeGetNs.Call(), asm.LSh.Imm(asm.R0, 32), asm.Or.Imm(asm.R0, 1), asm.Mov.Reg(asm.R7, asm.R0)},
				call("jump", asm.LoadImm(asm.R3, 3<<32|1, asm.DWord)))},
		}, {
			name: "too long", level: tailcall.Error, kind: tailcall.TooLong, returns: 33, spec: row(34),
		}, {
			name: "circle", level: tailcall.Warning, kind: tailcall.Cycle, returns: 4,
			spec: &tailcall.Spec{Map: "jump", Entry: entry, Slots: slots(xdp("again", 4, call("jump", to(0))))},
		}, {
			name: "another licence", level: tailcall.Hint, kind: tailcall.LicenseMix, returns: 9,
			spec: &tailcall.Spec{Map: "jump", Entry: entry, Slots: slots(closed)},
		}, {
			name: "another type in a slot", level: tailcall.Error, kind: tailcall.Incompatible, errno: syscall.EINVAL, says: `slot 0, program "tc"`,
			spec: &tailcall.Spec{Map: "jump", Entry: entry, Slots: slots(tc)},
		}, {
			name: "another type that calls", level: tailcall.Error, kind: tailcall.Incompatible, errno: syscall.EINVAL, says: `load program "caller": invalid argument: it calls through an array of program "entry": type SchedCLS instead of XDP`,
			spec: &tailcall.Spec{Map: "jump", Entry: entry, Others: []*ebpf.ProgramSpec{caller}, Slots: slots(end)},
		}, {
			name: "another attach type", level: tailcall.Warning, kind: tailcall.Incompatible, errno: syscall.EINVAL, says: `slot 0, program "attach"`,
			spec:  &tailcall.Spec{Map: "jump", Entry: entry, Slots: slots(attach)},
			since: "6.18", feature: "attach types in program arrays",
		}, {
			name: "xdp.frags", level: tailcall.Error, kind: tailcall.Incompatible, errno: syscall.EINVAL, says: `slot 0, program "frags"`,
			spec:  &tailcall.Spec{Map: "jump", Entry: entry, Slots: slots(frags)},
			since: "5.18", feature: "xdp.frags",
		}, {
			name: "cgroup storage", level: tailcall.Error, kind: tailcall.Incompatible, errno: syscall.EINVAL, says: `slot 0, program "storing"`,
			spec: storing(), since: "6.18", feature: "cgroup storage in program arrays",
		}, {
			name: "subprogram without BTF", level: tailcall.Error, kind: tailcall.NoBTF, errno: syscall.EINVAL, says: "without BTF",
			spec: subprogram(ebpf.XDP, 0, false),
		}, {
			name: "stack", level: tailcall.Error, kind: tailcall.StackDepth, errno: syscall.EACCES, says: "tail_calls are not allowed when call stack of previous frames is",
			spec: subprogram(ebpf.XDP, 256, true),
		},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t) })
	}
}

func (b *broken) test(t *testing.T) {
	t.Helper()
	got := b.spec.Findings()
	if !slices.ContainsFunc(got, func(f *tailcall.Finding) bool { return f.Level == b.level && f.Kind == b.kind }) {
		t.Errorf("Findings() = %v, want one of kind %v and level %v", got, b.kind, b.level)
	}
	c, err := tailcall.LoadUnchecked(b.spec)
	if b.errno == 0 {
		c = mustChain(t, c, err)
		wantReturn(t, c.Entry(), b.returns)
		return
	}
	if err == nil {
		c.Close()
		if b.since != "" {
			testutil.NeedKernel(t, b.since, b.feature)
		}
		t.Fatal("the kernel takes it")
	}
	privileged(t, err)
	testutil.SkipIfNotSupported(t, err, b.feature, b.since)
	if !errors.Is(err, b.errno) || !strings.Contains(err.Error(), b.says) {
		t.Errorf("the kernel says %v, want %v and %q", err, b.errno, b.says)
	}
}

// storing returns a chain of cgroup programs of which one uses storage.
func storing() *tailcall.Spec {
	skb := func(name string, insns asm.Instructions) *ebpf.ProgramSpec {
		return &ebpf.ProgramSpec{Name: name, Type: ebpf.CGroupSKB, License: "GPL", Instructions: insns}
	}
	return &tailcall.Spec{
		Map: "jump", Entry: skb("entry", xdp("", 0, call("jump", to(0))).Instructions),
		Slots: slots(skb("storing", asm.Instructions{
			asm.LoadMapPtr(asm.R1, 0).WithReference("storage"), asm.Mov.Imm(asm.R2, 0), asm.FnGetLocalStorage.Call(), asm.Mov.Imm(asm.R0, 1), asm.Return(),
		})),
		Collection: &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{
			// A cgroup's id and an attach type, struct bpf_cgroup_storage_key.
			"storage": {Name: "storage", Type: ebpf.CGroupStorage, KeySize: 16, ValueSize: 8},
		}},
	}
}

// subprogram returns a chain whose entry calls a function that makes the tail
// call, with so many bytes of stack in use around it.
func subprogram(typ ebpf.ProgramType, stack int16, withBTF bool) *tailcall.Spec {
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	fn := func(ins asm.Instruction, name string) asm.Instruction {
		ins = ins.WithSymbol(name)
		if withBTF {
			ins = btf.WithFuncMetadata(ins, &btf.Func{Name: name, Linkage: btf.StaticFunc, Type: &btf.FuncProto{
				Return: number, Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: &btf.Void{}}}},
			}})
		}
		return ins
	}
	insns := asm.Instructions{fn(asm.Mov.Imm(asm.R0, 0), "entry")}
	if stack > 0 {
		insns = append(insns, asm.StoreMem(asm.RFP, -stack, asm.R0, asm.DWord))
	}
	insns = append(insns,
		asm.Call.Label("jumping"),
		asm.Return(),
		fn(asm.Mov.Reg(asm.R6, asm.R1), "jumping"),
	)
	insns = append(append(insns, call("jump", to(0))...), asm.Mov.Imm(asm.R0, 5), asm.Return())
	end := &ebpf.ProgramSpec{Name: "end", Type: typ, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 9), asm.Return()}}
	return &tailcall.Spec{
		Map: "jump", Entry: &ebpf.ProgramSpec{Name: "entry", Type: typ, License: "GPL", Instructions: insns}, Slots: slots(end),
	}
}

// TestSubprogram runs a tail call in a subprogram: it ends both.
func TestSubprogram(t *testing.T) {
	s := subprogram(ebpf.XDP, 224, true)
	s.Strict = true
	c := mustLoad(t, s)
	wantReturn(t, c.Entry(), 9)
	if got, want := c.Graph().String(), "entry (XDP)\n└─ end  <- jump[0], instruction 9 in jumping"; got != want {
		t.Errorf("Graph() = %s\nwant %s", got, want)
	}
}

// TestStack compares how much stack kernels allow around a tail call in a
// subprogram with what Check says. Private stacks change nothing: the kernel
// gives none to programs that make tail calls in subprograms.
func TestStack(t *testing.T) {
	testutil.NeedRoot(t)
	for _, typ := range []ebpf.ProgramType{ebpf.XDP, ebpf.Kprobe} {
		for n := int16(208); n <= 304; n += 8 {
			s := subprogram(typ, n, true)
			got := tailcall.Hint
			for _, f := range s.Findings() {
				if f.Kind == tailcall.StackDepth {
					got = f.Level
				}
			}
			c, err := tailcall.LoadUnchecked(s)
			switch {
			case err == nil:
				if c.Close(); got == tailcall.Error {
					t.Errorf("%v with %d bytes: the kernel takes what Check refuses", typ, n)
				}
			case !errors.Is(err, syscall.EACCES):
				t.Errorf("%v with %d bytes: %v", typ, n, err)
			case got == tailcall.Hint, got == tailcall.Warning && testutil.KernelAtLeast(t, "6.12"):
				t.Errorf("%v with %d bytes: Check says %v, the kernel: %v", typ, n, got, err)
			}
		}
	}
}

// kprobe returns a kprobe program, which calls slot 0 if it is a caller.
func kprobe(name string, flags uint32, caller bool) *ebpf.ProgramSpec {
	insns := xdp("", 0).Instructions
	if caller {
		insns = xdp("", 0, call("jump", to(0))).Instructions
	}
	return &ebpf.ProgramSpec{Name: name, Type: ebpf.Kprobe, Flags: flags, License: "GPL", Instructions: insns}
}

// TestSleepable shows that kernels refuse sleepable programs that make tail
// calls, or, newer ones, sleepable programs in an array of others.
func TestSleepable(t *testing.T) {
	const sleepable = 1 << 4
	for _, tt := range []broken{
		{
			name: "caller", level: tailcall.Warning, kind: tailcall.Incompatible, errno: syscall.EINVAL, says: "Sleepable programs can only use",
			spec: &tailcall.Spec{Map: "jump", Entry: kprobe("entry", sleepable, true), Slots: slots(kprobe("end", sleepable, false))},
		}, {
			name: "callee", level: tailcall.Error, kind: tailcall.Incompatible, errno: syscall.EINVAL, says: `slot 0, program "end"`,
			spec:  &tailcall.Spec{Map: "jump", Entry: kprobe("entry", 0, true), Slots: slots(kprobe("end", sleepable, false))},
			since: "7.3", feature: "telling sleepable programs in arrays",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testutil.NeedRoot(t)
			testutil.NeedKernel(t, "6.0", "sleepable kprobe programs")
			if tt.name == "caller" && testutil.KernelAtLeast(t, "7.0") {
				mustLoad(t, tt.spec) // no longer refused
				return
			}
			tt.test(t)
		})
	}
}

// TestDeviceBound puts XDP programs that are bound to a device on either side of
// a call.
func TestDeviceBound(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "6.3", "programs that are bound to a device")
	testutil.NeedModule(t, "veth", "CONFIG_VETH")
	testutil.Netns(t)
	if err := netns.NewVeth("bpfx-bound", "bpfx-peer"); err != nil {
		t.Fatal(err)
	}
	device, err := net.InterfaceByName("bpfx-bound")
	if err != nil {
		t.Fatal(err)
	}
	bound := func(spec *ebpf.ProgramSpec) *ebpf.ProgramSpec {
		spec.Flags, spec.Ifindex = 1<<6, uint32(device.Index) // BPF_F_XDP_DEV_BOUND_ONLY
		return spec
	}
	callee := broken{
		level: tailcall.Error, kind: tailcall.Incompatible, errno: syscall.EINVAL, says: `slot 0, program "end"`,
		spec: &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(bound(xdp("end", 1)))},
	}
	callee.test(t)

	s := &tailcall.Spec{Map: "jump", Entry: bound(xdp("entry", 0, call("jump", to(0)))), Slots: slots(xdp("end", 1))}
	want := `warning: program "entry", array "jump": it is bound to a device: kernels before 6.16, but for some with later fixes, refuse such programs if they make tail calls`
	if got := s.Findings().String(); got != want {
		t.Errorf("Findings() = %s\nwant %s", got, want)
	}
	c, err := tailcall.Load(s)
	switch {
	case err == nil:
		mustChain(t, c, nil)
	case testutil.KernelAtLeast(t, "6.16") || !errors.Is(err, syscall.EINVAL):
		t.Errorf("Load() = %v", err)
	}
}

// privileged skips t if the kernel refuses some types of programs even to root.
func privileged(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, syscall.EPERM) && os.Getenv("BPFX_VMTEST") == "" {
		// Seen on a vendor's kernel, before the verifier runs.
		t.Skipf("skipping: this kernel refuses it even to root (%v; try another kernel: go run ./vmtest)", err)
	}
}

// TestExtension puts a program that replaces a function into a slot, and one
// whose function is replaced.
func TestExtension(t *testing.T) {
	testutil.NeedRoot(t)
	fn := func(name string) *btf.Func {
		return &btf.Func{Name: name, Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
			Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed},
			Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: &btf.Struct{Name: "xdp_md"}}}},
		}}
	}
	target := mustProgram(t, &ebpf.ProgramSpec{Name: "target", Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
		btf.WithFuncMetadata(asm.Call.Label("inner").WithSymbol("target"), fn("target")),
		asm.Return(),
		btf.WithFuncMetadata(asm.Mov.Imm(asm.R0, 2).WithSymbol("inner"), fn("inner")),
		asm.Return(),
	}})
	extension := xdp("extension", 1)
	extension.Type, extension.AttachTo, extension.AttachTarget = ebpf.Extension, "inner", target.Program
	extension.Instructions[0] = btf.WithFuncMetadata(extension.Instructions[0].WithSymbol("extension"), fn("extension"))
	s := &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(extension)}
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "programs of type Extension can't be in a slot") {
		t.Errorf("Check() = %v", err)
	}
	p, err := bpfx.Load(extension, nil)
	privileged(t, err)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	array, err := ebpf.NewMap(&ebpf.MapSpec{Name: "jump", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer array.Close()
	if err := array.Put(uint32(0), p.Program); err == nil {
		testutil.NeedKernel(t, "6.13", "refusing freplace programs in arrays")
		t.Error("the kernel takes a freplace program in an array of its own")
	} else if !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Put() of a freplace program = %v, want EINVAL", err)
	}

	if _, err := p.Attach(bpfx.Freplace{}); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, row(1))
	if err := c.Set(0, target); !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "replaced by a freplace program") {
		t.Errorf("Set() of a program that is replaced = %v, want EBUSY and the cause", err)
	}
}

// TestTargets puts tracing programs for functions with different arguments into
// one array.
func TestTargets(t *testing.T) {
	testutil.NeedRoot(t)
	fentry := func(name, fn string, insns asm.Instructions) *ebpf.ProgramSpec {
		return &ebpf.ProgramSpec{Name: name, Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: fn, License: "GPL", Instructions: insns}
	}
	s := &tailcall.Spec{
		Map: "jump", Entry: fentry("entry", "tcp_connect", xdp("", 0, call("jump", to(0))).Instructions),
		Slots: slots(fentry("end", "vfs_read", xdp("", 0).Instructions)),
	}
	tt := broken{
		level: tailcall.Warning, kind: tailcall.Incompatible, errno: syscall.EINVAL, says: `slot 0, program "end"`, spec: s,
		since: "6.12", feature: "telling arguments apart in program arrays",
	}
	tt.test(t)
}

package bpfx_test

import (
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// A counter is a map whose one slot counts the runs of a program.
type counter struct {
	tb testing.TB
	m  *ebpf.Map
}

func newCounter(tb testing.TB) counter {
	tb.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "runs", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close() })
	return counter{tb, m}
}

// program returns instructions that count and return ret.
func (c counter) program(ret int32) asm.Instructions {
	return c.add(asm.Mov.Imm(asm.R1, 1), ret)
}

// add returns instructions that add what n puts into R1, and return ret.
func (c counter) add(n asm.Instruction, ret int32) asm.Instructions {
	return c.apply(n, asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0), ret)
}

// set returns instructions that store what n puts into R1, and return ret.
func (c counter) set(n asm.Instruction, ret int32) asm.Instructions {
	return c.apply(n, asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord), ret)
}

// apply returns instructions that do op with what n puts into R1 to the slot,
// which R0 points to, and return ret.
func (c counter) apply(n, op asm.Instruction, ret int32) asm.Instructions {
	return asm.Instructions{
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, c.m.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		n,
		op,
		asm.Mov.Imm(asm.R0, ret).WithSymbol("exit"),
		asm.Return(),
	}
}

// count returns how often the program ran.
func (c counter) count() uint64 {
	c.tb.Helper()
	var n uint64
	if err := c.m.Lookup(uint32(0), &n); err != nil {
		c.tb.Fatal(err)
	}
	return n
}

var initialPID = sync.OnceValues(bpfx.InitialPID)

// mine returns spec so that a tracing program runs for this process alone. Any
// other process gets to a tracepoint or a function of the kernel too, whenever
// it likes, and is in the midst of it when the program is detached.
func mine(tb testing.TB, spec *ebpf.ProgramSpec) *ebpf.ProgramSpec {
	tb.Helper()
	switch spec.Type {
	case ebpf.Kprobe, ebpf.TracePoint, ebpf.RawTracepoint, ebpf.Tracing, ebpf.LSM:
	default:
		return spec
	}
	pid, err := initialPID()
	if errors.Is(err, ebpf.ErrNotSupported) {
		pid, err = os.Getpid(), nil // as it is but in a container
	}
	if err != nil {
		tb.Fatal(err)
	}
	out, err := bpfx.Filter{PID: pid}.Apply(spec)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// ret returns a program that does nothing but return n.
func ret(n int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, n), asm.Return()}
}

// xdpSpec returns an XDP program that returns verdict.
func xdpSpec(verdict int32) *ebpf.ProgramSpec {
	spec := bpfx.XDP{}.Spec(ret(verdict))
	spec.Name = "xdp_test"
	return spec
}

func mustLoad(tb testing.TB, spec *ebpf.ProgramSpec) *bpfx.Program {
	tb.Helper()
	testutil.NeedRoot(tb)
	p, err := bpfx.Load(spec, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

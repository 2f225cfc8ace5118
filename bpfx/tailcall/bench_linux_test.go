package tailcall_test

import (
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/internal/testutil"
)

// The names of benchmarks end in who does the work; the program in bench/
// compares them.

// BenchmarkLoadChain loads and closes a chain of 34 programs, with bpfx and by
// hand. Some 2 ms of it is loading the programs; the rest is mostly patching
// their calls, at 23 us each, which the kernel does at the latest when a slot is
// filled.
func BenchmarkLoadChain(b *testing.B) {
	testutil.NeedRoot(b)
	s := row(33)
	b.Run("34/cilium", func(b *testing.B) {
		specs := []*ebpf.ProgramSpec{s.Entry}
		for _, slot := range s.Slots {
			specs = append(specs, slot.Program)
		}
		b.ReportAllocs()
		for b.Loop() {
			array, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 33})
			if err != nil {
				b.Fatal(err)
			}
			programs := make([]*ebpf.Program, 0, len(specs))
			for _, spec := range specs {
				spec = spec.Copy()
				_ = spec.Instructions.AssociateMap("jump", array) // the last has none
				p, err := ebpf.NewProgram(spec)
				if err != nil {
					b.Fatal(err)
				}
				programs = append(programs, p)
			}
			for i, p := range programs[1:] {
				if err := array.Put(uint32(i), p); err != nil {
					b.Fatal(err)
				}
			}
			for _, p := range programs {
				p.Close()
			}
			array.Close()
		}
	})
	b.Run("34/bpfx", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := tailcall.Load(s)
			if err != nil {
				b.Fatal(err)
			}
			if err := c.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// variable returns an entry that calls a slot with an index that varies.
func variable() *tailcall.Spec {
	return &tailcall.Spec{
		Map: "jump", Slots: slots(xdp("first", 1)),
		Entry: xdp("entry", 0, call("jump", asm.LoadMem(asm.R3, asm.R6, 8, asm.Word))), // data_meta
	}
}

func BenchmarkSet(b *testing.B) {
	for _, bb := range []struct {
		name string
		spec *tailcall.Spec
	}{{"constant", row(1)}, {"variable", variable()}} {
		b.Run(bb.name+"/cilium", func(b *testing.B) {
			c, p, q := mustLoad(b, bb.spec), mustProgram(b, xdp("one", 7)), mustProgram(b, xdp("two", 8))
			m := c.Map("jump")
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Put(uint32(0), p.Program); err != nil {
					b.Fatal(err)
				}
				p, q = q, p
			}
		})
		b.Run(bb.name+"/bpfx", func(b *testing.B) {
			c, p, q := mustLoad(b, bb.spec), mustProgram(b, xdp("one", 7)), mustProgram(b, xdp("two", 8))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Set(0, p); err != nil {
					b.Fatal(err)
				}
				p, q = q, p
			}
		})
	}
}

// BenchmarkHops runs 33 tail calls in the kernel: of a chain, and of the same
// programs put together by hand. An operation is a run of all.
func BenchmarkHops(b *testing.B) {
	testutil.NeedRoot(b)
	run := func(b *testing.B, p *bpfx.Program) {
		b.Helper()
		res, err := p.Run(bpfx.RunInput{Data: frame(0), Repeat: uint32(max(b.N, 1))})
		if err != nil {
			b.Fatal(err)
		}
		if res.Return != 33 {
			b.Fatalf("returned %d, want 33", res.Return)
		}
		b.ReportMetric(float64(res.Duration)/float64(time.Nanosecond), "ns/op")
	}
	b.Run("33/bpfx", func(b *testing.B) { run(b, mustLoad(b, row(33)).Entry()) })
	b.Run("33/cilium", func(b *testing.B) {
		s := row(33)
		array, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 33})
		if err != nil {
			b.Fatal(err)
		}
		defer array.Close()
		load := func(spec *ebpf.ProgramSpec) *bpfx.Program {
			spec = spec.Copy()
			_ = spec.Instructions.AssociateMap("jump", array) // the last has none
			return mustProgram(b, spec)
		}
		entry := load(s.Entry)
		for _, slot := range s.Slots {
			if err := array.Put(slot.Index, load(slot.Program).Program); err != nil {
				b.Fatal(err)
			}
		}
		run(b, entry)
	})
}

// BenchmarkCheck checks a program of 4,096 instructions: straight ones, or
// pairs with a branch around each. What cilium/ebpf does is to load it.
func BenchmarkCheck(b *testing.B) {
	testutil.NeedRoot(b)
	const size = 4096
	var straight, branches asm.Instructions
	for len(straight) < size-8 {
		straight = append(straight, asm.Mov.Imm(asm.R7, 1))
	}
	for i := 0; len(branches) < size-16; i++ {
		jump := asm.JGT.Imm(asm.R3, int32(i%256), "")
		jump.Offset, jump.Metadata = 2, asm.Metadata{} // as in an object file
		branches = append(branches,
			asm.LoadMem(asm.R3, asm.R6, 16, asm.Word), jump, // rx_queue_index
			asm.Mov.Imm(asm.R3, int32(i%7)), asm.Mov.Reg(asm.R2, asm.R3),
		)
	}
	for name, insns := range map[string]asm.Instructions{"straight": straight, "branches": branches} {
		entry := xdp(name, 0, insns, call("jump", to(0)))
		b.Run(name+"/cilium", func(b *testing.B) {
			array, _ := mustArray(b, 1)
			spec := entry.Copy()
			if err := spec.Instructions.AssociateMap("jump", array); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				p, err := ebpf.NewProgram(spec)
				if err != nil {
					b.Fatal(err)
				}
				p.Close()
			}
		})
		b.Run(name+"/bpfx", func(b *testing.B) {
			s := &tailcall.Spec{Map: "jump", Entry: entry, Slots: slots(xdp("end", 0))}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Check(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

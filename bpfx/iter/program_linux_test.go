package iter

import (
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/internal/testutil"
)

// A source is where a part of a record comes from: a field of a struct of the
// kernel that a member of the context points to, or the member itself.
type source struct {
	member string // of the context
	typ    string // of the struct; "" for the member itself
	field  string
}

// size is that of a part, in bytes.
const partSize = 8

// write returns a program that writes 8 bytes of each source for each object.
// The last call, which has no object, writes nothing. It uses R6 for the file,
// R7 for the context.
func write(tb testing.TB, target string, sources ...source) asm.Instructions {
	tb.Helper()
	t := mustTarget(tb, target)
	size := int16(partSize * len(sources))
	insns := asm.Instructions{
		asm.Mov.Reg(asm.R7, asm.R1),
		mustArg(tb, t, asm.R6, asm.R7, "meta"),
		asm.LoadMem(asm.R6, asm.R6, 0, asm.DWord), // seq, the first of struct bpf_iter_meta
	}
	for i, s := range sources {
		at := int16(partSize*i) - size
		insns = append(insns, mustArg(tb, t, asm.R8, asm.R7, s.member))
		if m, _ := t.Member(s.member); m.Size == 8 { // a pointer
			insns = append(insns, asm.JEq.Imm(asm.R8, 0, "out"))
		}
		if s.typ != "" {
			f, err := structops.Field(s.typ, s.field)
			if err != nil {
				tb.Fatal(err)
			}
			load, err := f.Load(asm.R8, asm.R8)
			if err != nil {
				tb.Fatal(err)
			}
			insns = append(insns, load)
		}
		insns = append(insns, asm.StoreMem(asm.R10, at, asm.R8, asm.DWord))
	}
	return append(insns,
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -int32(size)),
		asm.Mov.Imm(asm.R3, int32(size)),
		asm.FnSeqWrite.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	)
}

// pids returns a program that writes tid and pid of each task.
func pids(tb testing.TB, target string) asm.Instructions {
	return write(tb, target, source{"task", "task_struct", "pid"}, source{"task", "task_struct", "tgid"})
}

// pid is what that program writes.
type pid struct{ TID, PID uint64 }

// quiet returns a program that writes nothing.
func quiet() asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
}

// mustTarget returns a target of the running kernel. It skips tb if the kernel
// lacks it and may lack it.
func mustTarget(tb testing.TB, name string) *Target {
	tb.Helper()
	t, err := LookupTarget(name)
	testutil.SkipIfNotSupported(tb, err, "iterator over "+name, traits[name].since, configs[name]...)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// configs are the options that build targets in, if they aren't built in always.
var configs = map[string][]string{
	"dmabuf": {"CONFIG_DMA_SHARED_BUFFER"},
}

func mustArg(tb testing.TB, t *Target, to, from asm.Register, name string) asm.Instruction {
	tb.Helper()
	ins, err := t.Arg(to, from, name)
	if err != nil {
		tb.Fatal(err)
	}
	return ins
}

// mustLoad loads a program and closes it when the test ends.
func mustLoad(tb testing.TB, target string, insns asm.Instructions) *bpfx.Program {
	tb.Helper()
	testutil.NeedRoot(tb)
	mustTarget(tb, target)
	p, err := Load(target, insns)
	if err != nil {
		tb.Fatalf("%+v", err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// mustOpen opens an iterator, which is closed with the program.
func mustOpen(tb testing.TB, p *bpfx.Program, opts *Options) *Iterator {
	tb.Helper()
	it, err := Open(p, opts)
	if err != nil {
		tb.Fatal(err)
	}
	return it
}

// collect returns all records of a session.
func collect[T any](tb testing.TB, it *Iterator) []T {
	tb.Helper()
	var all []T
	for v, err := range Records[T](it) {
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

package iter

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/internal/testutil"
)

// A source is where a part of a record comes from: a member of the context, or
// what fields lead to from there, the first of which is of the struct that the
// member points to. A field of a number in place of a struct's name loads as
// many bytes of what it points to.
type source struct {
	member string
	fields []field
}

type field struct {
	typ, name string
	bytes     asm.Size // of raw memory
}

// from returns a source: member, struct, field, struct, field and so on.
func from(member string, names ...string) source {
	s := source{member: member}
	for ; len(names) > 0; names = names[2:] {
		s.fields = append(s.fields, field{typ: names[0], name: names[1]})
	}
	return s
}

// raw returns a source of memory that a member points to.
func raw(member string, size asm.Size) source { return source{member, []field{{bytes: size}}} }

// load returns instructions that load it to R8, with the context in R7. They
// jump to out if a member is null, as it is in the last call.
func (s source) load(tb testing.TB, t *Target) asm.Instructions {
	tb.Helper()
	insns := asm.Instructions{mustArg(tb, t, asm.R8, asm.R7, s.member)}
	if m, _ := t.Member(s.member); strings.HasSuffix(m.Type, "*") {
		insns = append(insns, asm.JEq.Imm(asm.R8, 0, "out"))
	}
	for _, f := range s.fields {
		if f.typ == "" {
			insns = append(insns, asm.LoadMem(asm.R8, asm.R8, 0, f.bytes))
			continue
		}
		info, err := structops.Field(f.typ, f.name)
		if err != nil {
			tb.Fatal(err)
		}
		load, err := info.Load(asm.R8, asm.R8)
		if err != nil {
			tb.Fatal(err)
		}
		insns = append(insns, load)
	}
	return insns
}

// write returns a program that writes 8 bytes of each source for each object.
// The last call, which has no object, writes nothing.
func write(tb testing.TB, target string, sources ...source) asm.Instructions {
	tb.Helper()
	t := mustTarget(tb, target)
	size := 8 * len(sources)
	insns := asm.Instructions{
		asm.Mov.Reg(asm.R7, asm.R1),
		mustArg(tb, t, asm.R6, asm.R7, "meta"),
		asm.LoadMem(asm.R6, asm.R6, 0, asm.DWord), // seq, the first of struct bpf_iter_meta
	}
	for i, s := range sources {
		insns = append(insns, s.load(tb, t)...)
		insns = append(insns, asm.StoreMem(asm.R10, int16(8*i-size), asm.R8, asm.DWord))
	}
	return append(insns,
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, int32(-size)),
		asm.Mov.Imm(asm.R3, int32(size)),
		asm.FnSeqWrite.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	)
}

// pids returns a program that writes tid and pid of each task.
func pids(tb testing.TB, target string) asm.Instructions {
	tb.Helper()
	return write(tb, target, from("task", "task_struct", "pid"), from("task", "task_struct", "tgid"))
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
	skipIfRefused(tb, err)
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

// skipIfRefused skips tb if a vendor's kernel refuses iterators of maps, before
// the verifier runs and even to root.
func skipIfRefused(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, unix.EPERM) && os.Getenv("BPFX_VMTEST") == "" {
		tb.Skipf("skipping: this kernel refuses it even to root (%v; try another kernel: go run ./vmtest)", err)
	}
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

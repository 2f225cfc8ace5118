package bpfx_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testprogs/filtered"
	"github.com/bpfx/go/internal/testutil"
)

// The verifier takes every type of program that Apply takes.
func TestFilterLoads(t *testing.T) {
	testutil.NeedRoot(t)
	targets := map[ebpf.AttachType]string{
		ebpf.AttachTraceRawTp: "sched_process_exit", ebpf.AttachTraceFEntry: "bpf_fentry_test1", ebpf.AttachTraceFExit: "bpf_fentry_test1",
		ebpf.AttachModifyReturn: "bpf_modify_return_test", ebpf.AttachLSMMac: "task_getsid",
	}
	since := map[ebpf.AttachType]string{ebpf.AttachCGroupDevice: "6.1", ebpf.AttachCGroupSysctl: "6.1"}
	for _, tt := range filterTypes {
		t.Run(strings.Trim(tt.typ.String()+" "+tt.attach.String(), " "), func(t *testing.T) {
			if tt.attach == ebpf.AttachModifyReturn {
				// Before, only with CONFIG_FUNCTION_ERROR_INJECTION.
				testutil.NeedKernel(t, "6.3", "fmod_ret of a test function")
			}
			if v := since[tt.attach]; v != "" {
				testutil.NeedKernel(t, v, "filter of "+tt.attach.String())
			}
			for _, f := range []bpfx.Filter{{}, {PID: 1}, {TID: 1}, {PID: 1, TID: 1, CPUs: []int{0, 2, 3}}} {
				spec := &ebpf.ProgramSpec{Name: "prog", Type: tt.typ, AttachType: tt.attach, AttachTo: targets[tt.attach], Instructions: ret(tt.want), License: "GPL"}
				if tt.typ != ebpf.Tracing && tt.typ != ebpf.LSM {
					spec.License = "Proprietary" // no need for the GPL
				}
				out, err := f.Apply(spec)
				if err != nil {
					t.Fatal(err)
				}
				p, err := bpfx.Load(out, nil)
				skipIfRefused(t, spec, err)
				if err != nil {
					t.Fatalf("%v: %v", f, err)
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A filtered program returns what it always did in its own process, and the
// neutral value in others.
func TestFilterRandom(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	cpus := allowedCPUs(t)
	different, added := 0, 0
	for i := range 100 {
		spec := &ebpf.ProgramSpec{Type: ebpf.RawTracepoint, Instructions: randomProgram(rng), License: "GPL"}
		args := bpfx.RawTracepointArgs{rng.Uint64(), rng.Uint64N(3)}
		want, plain := runFiltered(t, spec, bpfx.Filter{}, args)
		if want != 0 {
			different++
		}
		for _, f := range []bpfx.Filter{{PID: os.Getpid()}, {CPUs: cpus}, {PID: os.Getpid(), CPUs: append(slices.Clone(cpus), 8000)}} {
			got, n := runFiltered(t, spec, f, args)
			if got != want {
				t.Fatalf("seed %d, program %d, %v: returns %d, want %d:\n%v", seed, i, f, got, want, spec.Instructions)
			}
			added = max(added, n-plain)
		}
		for _, f := range []bpfx.Filter{{PID: 1}, {TID: 1}, {CPUs: []int{8000, 8001}}, {PID: os.Getpid(), TID: 1}} {
			if got, _ := runFiltered(t, spec, f, args); got != 0 {
				t.Fatalf("seed %d, program %d, %v: returns %d, want 0:\n%v", seed, i, f, got, spec.Instructions)
			}
		}
	}
	if different < 50 {
		t.Errorf("only %d of 100 programs return anything but the neutral value", different)
	}
	t.Logf("the verifier read at most %d instructions more", added)
}

// runFiltered returns what a program returns, and how many instructions the
// verifier read: 0 before Linux 5.16.
func runFiltered(t *testing.T, spec *ebpf.ProgramSpec, f bpfx.Filter, args bpfx.RawTracepointArgs) (ret uint32, verified int) {
	t.Helper()
	out, err := f.Apply(spec)
	if err != nil {
		t.Fatal(err)
	}
	err = bpfx.WithProgram(out, func(p *bpfx.Program) error {
		info, err := p.Info()
		if err != nil {
			return err
		}
		n, _ := info.VerifiedInstructions()
		verified = int(n)
		res, err := p.Run(bpfx.RunInput{Context: args})
		ret = res.Return
		return err
	})
	if err != nil {
		t.Fatalf("%v: %v\n%+v", f, out.Instructions, err)
	}
	return ret, verified
}

// Programs from an object file, with BTF, relocations, functions and a
// callback, go on working.
func TestFilterELF(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	args := bpfx.RawTracepointArgs{1000, 7}
	for _, tt := range []struct {
		name  string
		since string
		want  uint32
		funcs []string
	}{
		{"core", "", 1004, []string{"core"}},
		{"global", "", 1, []string{"global"}},
		{"calls", "", calls(1000, 7), []string{"calls", "add", "twice"}},
		{"callback", "5.13", 1000 + 0 + 10 + 1 + 20 + 2 + 30 + 3, []string{"callback", "sum_up"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.since != "" {
				testutil.NeedKernel(t, tt.since, tt.name)
			}
			wantLines := loadFiltered(t, tt.name, bpfx.Filter{}, args, tt.want, tt.funcs)
			f := bpfx.Filter{PID: os.Getpid()}
			lines := loadFiltered(t, tt.name, f, args, tt.want, tt.funcs)
			if want := append([]string{"filter: " + f.String()}, wantLines...); !slices.Equal(lines, want) {
				t.Errorf("lines:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
			}
			loadFiltered(t, tt.name, bpfx.Filter{PID: 1, CPUs: allowedCPUs(t)}, args, 0, tt.funcs)
			loadFiltered(t, tt.name, bpfx.Filter{TID: 1}, args, 0, tt.funcs)
		})
	}
}

// calls does what the program of that name does.
func calls(a, b uint64) uint32 {
	add := func(a, b uint64) uint64 { return a + 3*b }
	sum := add(a, b)
	for range 5 {
		sum += add(sum&0xff, sum&0xff)
	}
	return uint32(sum)
}

// loadFiltered loads a program of filtered.o behind a filter, runs it and
// returns the lines of its line info.
func loadFiltered(t *testing.T, name string, f bpfx.Filter, args bpfx.RawTracepointArgs, want uint32, funcs []string) (lines []string) {
	t.Helper()
	coll, err := filtered.LoadFiltered()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := f.Apply(coll.Programs[name])
	if err != nil {
		t.Fatal(err)
	}
	coll.Programs = map[string]*ebpf.ProgramSpec{name: spec}
	for i := range uint32(4) {
		coll.Maps["numbers"].Contents = append(coll.Maps["numbers"].Contents, ebpf.MapKV{Key: i, Value: uint64(10 * i)})
	}
	err = bpfx.WithCollection(coll, func(c *bpfx.Collection) error {
		p := c.Programs[name]
		res, err := p.Run(bpfx.RunInput{Context: args})
		if err != nil {
			return err
		}
		if res.Return != want {
			t.Errorf("%v: returns %d, want %d", f, res.Return, want)
		}
		info, err := p.Info()
		if err != nil {
			return err
		}
		fns, err := info.FuncInfos()
		if err != nil {
			return err
		}
		var names []string
		for _, fn := range fns {
			names = append(names, fn.Func.Name)
		}
		if slices.Sort(names[1:]); !slices.Equal(names, funcs) || fns[0].Offset != 0 {
			t.Errorf("%v: functions %v, want %v", f, names, funcs)
		}
		infos, err := info.LineInfos()
		if err != nil {
			return err
		}
		for i, l := range infos {
			lines = append(lines, strings.TrimSpace(l.Line.String()))
			if i == 0 && l.Offset != 0 || i == 1 && f.String() != "all" && l.Offset < asm.RawInstructionOffset(6) {
				t.Errorf("%v: line %d is of instruction %d: %s", f, i, l.Offset, l.Line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v: %+v", f, err)
	}
	return lines
}

// The verifier walks through a filtered program once: it gives up after a
// million instructions, so twice would be too much for a large one.
func TestFilterLargeProgram(t *testing.T) {
	testutil.NeedRoot(t)
	const turns = 5000 // of four instructions
	spec := &ebpf.ProgramSpec{Type: ebpf.RawTracepoint, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R0, 0),
		asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord).WithSymbol("again"),
		asm.Add.Imm(asm.R0, 1),
		asm.Mov.Reg(asm.R3, asm.R0),
		asm.JLT.Imm(asm.R3, turns, "again"),
		asm.Return(),
	}}
	_, plain := runFiltered(t, spec, bpfx.Filter{}, bpfx.RawTracepointArgs{1})
	for _, f := range []bpfx.Filter{{PID: 1}, {CPUs: []int{0}}, {PID: 1, TID: 1, CPUs: []int{0, 2, 4, 6, 100}}} {
		_, n := runFiltered(t, spec, f, bpfx.RawTracepointArgs{1})
		t.Logf("%v: %d instructions verified, %d more", f, n, n-plain)
		if n-plain > 100 {
			t.Errorf("%v: %d instructions verified, %d without filter", f, n, plain)
		}
	}
}

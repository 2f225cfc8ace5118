package bpfx_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// mustFilter loads a program that returns n if f lets it run.
func mustFilter(t *testing.T, f bpfx.Filter, spec ebpf.ProgramSpec, n int32) *bpfx.Program {
	t.Helper()
	spec.Name, spec.License, spec.Instructions = "filtered", "GPL", ret(n)
	out, err := f.Apply(&spec)
	if err != nil {
		t.Fatal(err)
	}
	p, err := bpfx.Load(out, nil)
	skipIfRefused(t, &spec, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func closeLater(t *testing.T, l link.Link, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}

// A cgroup program forbids sockets to one process; filtered out, it allows
// them.
func TestFilterCgroup(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	one, other := newProcess(t), newProcess(t)
	dir := testutil.Cgroup(t)
	spec := ebpf.ProgramSpec{Type: ebpf.CGroupSock, AttachType: ebpf.AttachCGroupInetSockCreate}
	deny := mustFilter(t, bpfx.Filter{PID: one.pid}, spec, 0)
	l, err := link.AttachCgroup(link.CgroupOptions{Path: dir, Attach: spec.AttachType, Program: deny.Program})
	closeLater(t, l, err)
	for _, c := range []*caller{one, other} {
		moveTo(t, dir, c.pid)
		t.Cleanup(func() { moveTo(t, filepath.Dir(dir), c.pid) })
	}
	if got, want := one.ask("socket"), unix.EPERM.Error(); got != want {
		t.Errorf("socket of the process that is meant: %s, want %s", got, want)
	}
	if got := other.ask("socket"); got != "<nil>" {
		t.Errorf("socket of the other process: %s", got)
	}
}

func moveTo(t *testing.T, cgroup string, pid int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
		t.Error(err)
	}
}

// An LSM program forbids getsid to one process; filtered out, it leaves others
// alone.
func TestFilterLSM(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	deny := func(f bpfx.Filter) *bpfx.Program {
		return mustFilter(t, f, ebpf.ProgramSpec{Type: ebpf.LSM, AttachType: ebpf.AttachLSMMac, AttachTo: "task_getsid"}, -int32(unix.EPERM))
	}
	one, other := newProcess(t), newProcess(t)
	p := deny(bpfx.Filter{PID: one.pid})
	if active, err := os.ReadFile("/sys/kernel/security/lsm"); err != nil || !strings.Contains(string(active), "bpf") {
		t.Skipf("skipping LSM: needs bpf in the kernel's argument lsm= (/sys/kernel/security/lsm: %s, %v; try another kernel: go run ./vmtest)", active, err)
	}
	l, err := link.AttachLSM(link.LSMOptions{Program: p.Program})
	closeLater(t, l, err)
	if got, want := one.ask("getsid 0 1"), unix.EPERM.Error(); got != want {
		t.Errorf("getsid of the process that is meant: %s, want %s", got, want)
	}
	if got := other.ask("getsid 0 1"); got != "<nil>" {
		t.Errorf("getsid of the other process: %s", got)
	}
}

// A fmod_ret program replaces what a function returns, in one process; in
// others the function runs.
func TestFilterModifyReturn(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	testutil.NeedKernel(t, "6.3", "fmod_ret of a test function") // before, only with CONFIG_FUNCTION_ERROR_INJECTION
	run := func(f bpfx.Filter, attach bool) uint32 {
		p := mustFilter(t, f, ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachModifyReturn, AttachTo: "bpf_modify_return_test"}, -5)
		if attach {
			l, err := link.AttachTracing(link.TracingOptions{Program: p.Program})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
		}
		res, err := p.Run(bpfx.RunInput{})
		if err != nil {
			t.Fatal(err)
		}
		return res.Return
	}
	// The high half counts functions that ran, the low half is the sum of what
	// they returned: 4 for this one (net/bpf/test_run.c).
	ran := run(bpfx.Filter{}, false)
	replaced := ran>>16<<16 - 1<<16 | uint32(uint16(ran-4-5))
	for _, tt := range []struct {
		filter bpfx.Filter
		want   uint32
	}{{bpfx.Filter{}, replaced}, {bpfx.Filter{PID: os.Getpid()}, replaced}, {bpfx.Filter{PID: 1}, ran}} {
		if got := run(tt.filter, true); got != tt.want {
			t.Errorf("%v: Run() = %#x, want %#x", tt.filter, got, tt.want)
		}
	}
}

// A uprobe.multi program stays attached to a process after it left out one of
// its threads.
func TestFilterUprobeMulti(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	testutil.NeedKernel(t, "6.6", "uprobe.multi")
	left, meant := newThread(t), newThread(t)
	runs, p := countFiltered(t, bpfx.Filter{TID: meant.tid}, ebpf.AttachTraceUprobeMulti)
	h := probe(t)
	exe, err := link.OpenExecutable(h.Path)
	if err != nil {
		t.Fatal(err)
	}
	var symbols []string
	opts := &link.UprobeMultiOptions{}
	if symbols = []string{h.Symbol}; h.Symbol == "" {
		symbols, opts.Addresses = nil, []uint64{h.Address}
	}
	l, err := exe.UprobeMulti(symbols, p.Program, opts)
	testutil.SkipIfNotSupported(t, err, "uprobe.multi", "6.6", "CONFIG_UPROBES")
	closeLater(t, l, err)
	for _, c := range []*caller{left, meant, left, meant} {
		c.ask("probe")
	}
	if got := runs.count(); got != 2 {
		t.Errorf("ran %d times, want 2", got)
	}
}

// kprobe.multi and kprobe.session programs run for the thread that is meant.
func TestFilterKprobeMulti(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	left, meant := newThread(t), newThread(t)
	cpu := allowedCPUs(t)[0]
	for _, tt := range []struct {
		name, since string
		typ         ebpf.AttachType
		want        uint64
	}{
		{"multi", "5.18", ebpf.AttachTraceKprobeMulti, 7},
		{"session", "6.10", ebpf.AttachTraceKprobeSession, 2 * 7}, // where it starts and where it returns
	} {
		t.Run(tt.name, func(t *testing.T) {
			runs, p := countFiltered(t, bpfx.Filter{TID: meant.tid}, tt.typ)
			l, err := link.KprobeMulti(p.Program, link.KprobeMultiOptions{
				Symbols: []string{getsidSymbol()}, Session: tt.typ == ebpf.AttachTraceKprobeSession,
			})
			testutil.SkipIfNotSupported(t, err, "kprobe."+tt.name, tt.since, "CONFIG_FPROBE")
			closeLater(t, l, err)
			left.getsid(cpu, 100)
			meant.getsid(cpu, 7)
			if got := runs.count(); got != tt.want {
				t.Errorf("ran %d times, want %d", got, tt.want)
			}
		})
	}
}

// countFiltered loads a kprobe program that counts what f lets through.
func countFiltered(t *testing.T, f bpfx.Filter, typ ebpf.AttachType) (counter, *bpfx.Program) {
	t.Helper()
	runs := newCounter(t)
	spec, err := f.Apply(&ebpf.ProgramSpec{Name: "count", Type: ebpf.Kprobe, AttachType: typ, Instructions: runs.program(0), License: "GPL"})
	if err != nil {
		t.Fatal(err)
	}
	return runs, mustLoad(t, spec)
}

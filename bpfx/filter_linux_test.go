package bpfx_test

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// getsidHook is a place that calls of getsid come by.
type getsidHook struct {
	name    string
	hook    hook
	since   string
	configs []string
	// read loads what the context holds, so that it must be there.
	read asm.Instructions
	ret  int32
}

func getsidHooks() []getsidHook {
	// Only what is getsid counts, both events have the number at the same place.
	number := asm.Instructions{asm.LoadMem(asm.R7, asm.R1, 8, asm.Word), asm.JNE.Imm(asm.R7, unix.SYS_GETSID, "exit")}
	first := asm.Instructions{asm.LoadMem(asm.R7, asm.R1, 0, asm.DWord)}
	entry := getsidSymbol()
	syscalls := []string{"CONFIG_FTRACE_SYSCALLS"}
	return []getsidHook{
		{"tracepoint", bpfx.Tracepoint{Group: "syscalls", Name: "sys_enter_getsid"}, "4.7", syscalls, number, 1},
		{"raw_tracepoint", bpfx.RawTracepoint{Name: "sys_enter"}, "4.17", syscalls, number, 0},
		{"kprobe", bpfx.Kprobe{Symbol: "sys_getsid"}, "4.1", kprobes, first, 1},
		{"kretprobe", bpfx.Kretprobe{Symbol: "sys_getsid"}, "4.1", kprobes, first, 1},
		{"fentry", bpfx.Fentry{Func: entry}, "5.5", nil, first, 0},
		{"fexit", bpfx.Fexit{Func: entry}, "5.5", nil, first, 0},
	}
}

// getsidSymbol returns the kernel's name of the system call.
func getsidSymbol() string {
	if runtime.GOARCH == "amd64" {
		return "__x64_sys_getsid"
	}
	return "__" + runtime.GOARCH + "_sys_getsid"
}

// A filter counts what its process, thread and CPUs do and nothing else; the
// same program without one, attached to the same hook, counts all.
func TestFilter(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	a, b, other := newThread(t), newThread(t), newProcess(t)
	cpus := allowedCPUs(t)
	first, last := cpus[0], cpus[len(cpus)-1]
	calls := []struct {
		by     *caller
		cpu, n int
	}{{a, first, 1}, {a, last, 10}, {b, first, 100}, {b, last, 1000}, {other, first, 3}, {other, last, 30}}

	filters := []bpfx.Filter{
		{PID: a.pid}, {PID: other.pid}, {TID: a.tid}, {TID: b.tid}, {TID: other.tid},
		{PID: a.pid, TID: b.tid}, {PID: other.pid, TID: b.tid}, {PID: 1}, {TID: 1},
		{PID: a.pid, CPUs: []int{first}}, {PID: a.pid, CPUs: []int{last}}, {TID: b.tid, CPUs: cpus},
		{PID: a.pid, CPUs: []int{last + 1}}, {PID: a.pid, TID: a.tid, CPUs: []int{first, last + 1, last + 2}},
	}
	for _, tt := range getsidHooks() {
		t.Run(tt.name, func(t *testing.T) {
			all, allCPUs := tt.attach(t, bpfx.Filter{}), tt.attach(t, bpfx.Filter{CPUs: cpus})
			counters := make([]counted, len(filters))
			for i, f := range filters {
				counters[i] = tt.attach(t, f)
			}
			total := uint64(0)
			for _, c := range calls {
				c.by.getsid(c.cpu, c.n)
				total += uint64(c.n)
			}
			for i, f := range filters {
				want := uint64(0)
				for _, c := range calls {
					if (f.PID == 0 || f.PID == c.by.pid) && (f.TID == 0 || f.TID == c.by.tid) && (f.CPUs == nil || slices.Contains(f.CPUs, c.cpu)) {
						want += uint64(c.n)
					}
				}
				if got, missed := counters[i].count(), counters[i].missed(t); got > want || got+missed < want {
					t.Errorf("%v: counted %d calls and missed %d, want %d", f, got, missed, want)
				}
			}
			// There may be calls of others.
			if got, missed := all.count(), all.missed(t); got+missed < total {
				t.Errorf("without a filter: counted %d calls and missed %d, want at least %d", got, missed, total)
			}
			if got, missed := allCPUs.count(), allCPUs.missed(t); got+missed < total {
				t.Errorf("on all CPUs: counted %d calls and missed %d, want at least %d", got, missed, total)
			}
		})
	}
}

// counted is a program that is attached, and counts.
type counted struct {
	counter
	prog *bpfx.Program
}

// missed returns how often the kernel left the program out, for any call: it
// was running on that CPU already, for a thread that was preempted in it. Raw
// tracepoints of 7.3 are like that under load.
func (c counted) missed(t *testing.T) uint64 {
	t.Helper()
	return statsOf(t, c.prog).RecursionMisses
}

// attach attaches a program that counts calls of getsid that f lets through.
func (h getsidHook) attach(t *testing.T, f bpfx.Filter) counted {
	t.Helper()
	runs := newCounter(t)
	spec, err := f.Apply(h.hook.Spec(append(slices.Clone(h.read), runs.program(h.ret)...)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := bpfx.Load(spec, nil)
	skipIfRefused(t, spec, err)
	testutil.SkipIfNotSupported(t, err, h.name, h.since, h.configs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	_, err = p.Attach(h.hook)
	testutil.SkipIfNotSupported(t, err, h.name, h.since, h.configs...)
	if err != nil {
		t.Fatal(err)
	}
	return counted{runs, p}
}

// skipIfRefused skips t if err is what a vendor's kernel says to BTF based
// programs, before the verifier runs and to root.
func skipIfRefused(t *testing.T, spec *ebpf.ProgramSpec, err error) {
	t.Helper()
	if errors.Is(err, unix.EPERM) && (spec.Type == ebpf.Tracing || spec.Type == ebpf.LSM) && os.Getenv("BPFX_VMTEST") == "" {
		t.Skipf("skipping %v: this kernel refuses it even to root (%v; try another kernel: go run ./vmtest)", spec.Type, err)
	}
}

// getsidEvent opens a perf event for the tracepoint of getsid.
func getsidEvent(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile("/sys/kernel/tracing/events/syscalls/sys_enter_getsid/id")
	if err != nil {
		t.Fatal(err)
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Size: unix.PERF_ATTR_SIZE_VER1, Config: id}
	fd, err := unix.PerfEventOpen(&attr, pid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		t.Fatal("perf_event_open:", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// Why filters exist: a perf event of one process runs its program for all.
func TestPerfEventIgnoresPID(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	me, other := newThread(t), newProcess(t)
	runs := newCounter(t)
	tp := getsidHooks()[0]
	p := mustLoad(t, tp.hook.Spec(append(slices.Clone(tp.read), runs.program(1)...)))
	event := getsidEvent(t, 1) // init, which doesn't call it
	if err := unix.IoctlSetInt(event, unix.PERF_EVENT_IOC_SET_BPF, p.FD()); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(event, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		t.Fatal(err)
	}
	me.getsid(allowedCPUs(t)[0], 20)
	other.getsid(allowedCPUs(t)[0], 30)
	if got := runs.count(); got < 50 {
		t.Errorf("the program of an event of process 1 ran %d times; others made 50 calls", got)
	}
}

// What a filter leaves out is still an event for others: of perf, which counts
// here. A program that returns 0 hides it.
func TestFilterLeavesEvents(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	me := newThread(t)
	events := func() uint64 {
		fd := getsidEvent(t, me.tid)
		me.getsid(allowedCPUs(t)[0], 20)
		var buf [8]byte
		if _, err := unix.Read(fd, buf[:]); err != nil {
			t.Fatal(err)
		}
		return binary.NativeEndian.Uint64(buf[:])
	}
	tp := getsidHooks()[0]
	if got := events(); got != 20 {
		t.Errorf("without a program: %d events, want 20", got)
	}
	tp.ret = 0
	for _, f := range []bpfx.Filter{{PID: 1}, {TID: 1}, {CPUs: []int{8000}}, {}} {
		t.Run(f.String(), func(t *testing.T) {
			tp.attach(t, f)
			want := uint64(20)
			if f.String() == "all" {
				want = 0
			}
			if got := events(); got != want {
				t.Errorf("%d events, want %d", got, want)
			}
		})
	}
}

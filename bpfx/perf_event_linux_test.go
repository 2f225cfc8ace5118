package bpfx_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestPerfEventThreads counts page faults of one process: those of threads that
// were there count, and those of threads that it starts later.
func TestPerfEventThreads(t *testing.T) {
	testutil.NeedRoot(t)
	work, done := make(chan func(testing.TB)), make(chan bool)
	go onThread(t, work, done) // before the program is attached
	work <- openNull
	<-done

	runs := newCounter(t)
	h := bpfx.PerfEvent{Counter: bpfx.PerfPageFaults, Period: 1, PID: os.Getpid()}
	p := loadFor(t, hookTest{name: "perf_event", since: "4.9"}, h, runs)
	if _, err := p.Attach(h); err != nil {
		t.Fatal(err)
	}
	before := runs.count()
	work <- faultPage
	<-done
	if runs.count() == before {
		t.Error("the page fault of a thread that was there didn't count")
	}
	before = runs.count()
	later, over := make(chan func(testing.TB)), make(chan bool)
	go onThread(t, later, over)
	later <- faultPage
	<-over
	if runs.count() == before {
		t.Error("the page fault of a thread that was started later didn't count")
	}
	close(work)
	close(later)
	<-done
	<-over
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	before = runs.count()
	faultPage(t)
	if runs.count() != before {
		t.Error("counted after it was closed")
	}
}

// onThread runs functions on a thread of its own, which ends with it.
func onThread(t *testing.T, work <-chan func(testing.TB), done chan<- bool) {
	runtime.LockOSThread()
	for fn := range work {
		fn(t)
		done <- true
	}
	close(done)
}

// TestPerfEventSampling samples a CPU at several rates, and has the program tell
// the period that it runs for: how often it does depends on the machine.
func TestPerfEventSampling(t *testing.T) {
	testutil.NeedRoot(t)
	// struct bpf_perf_event_data has the period behind the registers of
	// bpf_user_pt_regs_t (include/uapi/linux/bpf_perf_event.h).
	at, ok := map[string]int16{"amd64": 21 * 8, "arm64": 34 * 8}[runtime.GOARCH]
	if !ok {
		t.Skipf("skipping: doesn't know the registers of %s (try amd64)", runtime.GOARCH)
	}
	for _, tt := range []struct {
		hook bpfx.PerfEvent
		want uint64 // in ns
	}{
		{bpfx.PerfEvent{CPUs: []int{0}, Frequency: 50}, 20e6},
		{bpfx.PerfEvent{CPUs: []int{0}, Frequency: 2000}, 500e3},
		{bpfx.PerfEvent{CPUs: []int{0}, Period: 1234567}, 1234567},
	} {
		t.Run(tt.hook.String(), func(t *testing.T) {
			period := newCounter(t)
			insns := append(asm.Instructions{asm.LoadMem(asm.R6, asm.R1, at, asm.DWord)}, period.set(asm.Mov.Reg(asm.R1, asm.R6), 0)...)
			p := loadSpec(t, hookTest{name: "perf_event", since: "4.9"}, tt.hook.Spec(insns))
			if _, err := p.Attach(tt.hook); err != nil {
				t.Fatal(err)
			}
			testutil.Eventually(t, "a sample", func() bool {
				burn(t)
				return period.count() != 0
			})
			if got := period.count(); got != tt.want {
				t.Errorf("samples every %d ns, want %d", got, tt.want)
			}
		})
	}
}

package bpfx_test

import (
	"os"
	"runtime"
	"testing"

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

// TestPerfEventSampling samples a CPU at two rates and compares them.
func TestPerfEventSampling(t *testing.T) {
	testutil.NeedRoot(t)
	rate := func(hz uint64) uint64 {
		runs := newCounter(t)
		h := bpfx.PerfEvent{CPUs: []int{0}, Frequency: hz}
		p := loadFor(t, hookTest{name: "perf_event", since: "4.9"}, h, runs)
		if _, err := p.Attach(h); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			burn(t)
		}
		return runs.count()
	}
	slow, fast := rate(50), rate(2000)
	if slow == 0 || fast < 4*slow {
		t.Errorf("%d samples at 50 Hz, %d at 2000 Hz", slow, fast)
	}
}

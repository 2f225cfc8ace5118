package sys

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Flags of BPF_PROG_TEST_RUN (BPF_F_TEST_*).
const (
	TestRunOnCPU            = 1 << 0
	TestXDPLiveFrames       = 1 << 1
	TestSKBChecksumComplete = 1 << 2
)

// TestRunAttr is union bpf_attr.test, the argument of BPF_PROG_TEST_RUN.
type TestRunAttr struct {
	ProgFD      uint32
	Retval      uint32
	DataSizeIn  uint32
	DataSizeOut uint32
	DataIn      Pointer
	DataOut     Pointer
	Repeat      uint32
	Duration    uint32
	CtxSizeIn   uint32
	CtxSizeOut  uint32
	CtxIn       Pointer
	CtxOut      Pointer
	Flags       uint32
	CPU         uint32
	BatchSize   uint32
	_           [4]byte
}

// maxInterrupts bounds how often an interrupted test run is started again.
const maxInterrupts = 1000

// runtimeSignals are those that the Go runtime sends to its own threads: to
// preempt goroutines, which threads in system calls have no need of, and to
// profile them.
var runtimeSignals = func() (set unix.Sigset_t) {
	for _, s := range []unix.Signal{unix.SIGURG, unix.SIGPROF} {
		const word = int(unsafe.Sizeof(set.Val[0])) * 8
		set.Val[int(s-1)/word] |= 1 << (int(s-1) % word)
	}
	return set
}()

// TestRun calls BPF_PROG_TEST_RUN and fills attr's outputs.
//
// A run that a signal interrupts has no result: the kernel gives up the rest
// of its repetitions with EINTR (net/bpf/test_run.c, bpf_test_timer_continue),
// and before 5.13 it does so even after a single run that was complete. So it
// is started again, and the signals of the Go runtime are held off meanwhile:
// its profiler sends a hundred a second. Returns EINTR if it was interrupted a
// thousand times.
func TestRun(attr *TestRunAttr) error {
	// Nothing here can panic, and a deferred call costs as much as a check of
	// the verdict: this is the path that benchmarks take.
	runtime.LockOSThread()
	var old unix.Sigset_t
	err := unix.PthreadSigmask(unix.SIG_BLOCK, &runtimeSignals, &old)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("hold off signals: %w", err)
	}
	err = testRun(attr)
	// The mask can't be refused here: it is the one that was in force.
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	runtime.UnlockOSThread()
	return err
}

func testRun(attr *TestRunAttr) (err error) {
	const cmd = 10 // BPF_PROG_TEST_RUN, also called BPF_PROG_RUN
	for range maxInterrupts {
		err = bpf(cmd, unsafe.Pointer(attr), unsafe.Sizeof(*attr))
		if err == nil || !errors.Is(err, unix.EINTR) {
			break
		}
	}
	return err
}

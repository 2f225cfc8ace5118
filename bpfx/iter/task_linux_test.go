package iter

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// openTask opens an iterator with a restriction to a task.
func openTask(t *testing.T, p *bpfx.Program, task Task) *Iterator {
	t.Helper()
	it, err := Open(p, &Options{Task: task})
	testutil.SkipIfNotSupported(t, err, "iterators over a task", "6.1")
	if err != nil {
		t.Fatal(err)
	}
	return it
}

func TestTask(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	p := mustLoad(t, "task", pids(t, "task"))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	self, thread := os.Getpid(), unix.Gettid()
	pidfd, err := unix.PidfdOpen(self, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	for _, tt := range []struct {
		name string
		task Task
		all  bool // of the threads, or this one alone
		info Info
	}{
		{"TID", Task{TID: thread}, false, Info{TID: thread}},
		{"PID", Task{PID: self}, true, Info{PID: self}},
		{"PIDFD", Task{PIDFD: pidfd}, true, Info{PID: self}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			it := openTask(t, p, tt.task)
			defer it.Close()
			want := []pid{{uint64(thread), uint64(self)}}
			var got []pid
			if !tt.all {
				got = collect[pid](t, it)
			} else {
				// The Go runtime may start a thread at any time.
				for before := []pid(nil); len(before) == 0 || !slices.Equal(before, want); {
					before = threads(t)
					got = byTID(collect[pid](t, it))
					want = threads(t)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			info, err := it.Info()
			if err != nil || info.TID != tt.info.TID || info.PID != tt.info.PID {
				t.Errorf("Info() = %+v, %v, want %+v", info, err, tt.info)
			}
		})
	}
}

// byTID sorts threads by number. The kernel gives those of a process in the order
// in which they started, and that isn't the same once numbers begin anew.
func byTID(list []pid) []pid {
	slices.SortFunc(list, func(a, b pid) int { return int(a.TID) - int(b.TID) })
	return list
}

// threads returns what the iterator must find of this process, by number.
func threads(t *testing.T) (list []pid) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		n, err := strconv.ParseUint(e.Name(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, pid{n, uint64(os.Getpid())})
	}
	return byTID(list)
}

// gone returns a process that has ended, and a descriptor of it.
func gone(t *testing.T) (id, pidfd int) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(pidfd) })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says that it was killed
	return cmd.Process.Pid, pidfd
}

func TestTaskRefused(t *testing.T) {
	p := mustLoad(t, "task", pids(t, "task"))
	id, pidfd := gone(t)
	// A thread that stays: others may be about to end, of goroutines that were
	// locked to them. It isn't the first of the process, which TestMain has.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := unix.Gettid()
	for _, tt := range []struct {
		name string
		task Task
		err  error
		text string
	}{
		{"no thread", Task{TID: id}, syscall.ESRCH, "there is no thread " + strconv.Itoa(id)},
		{"no process", Task{PID: id}, syscall.ESRCH, "there is no process " + strconv.Itoa(id)},
		{"a thread", Task{PID: thread}, syscall.ESRCH, "is a thread of a process: set Options.Task.TID"},
		{"process is gone", Task{PIDFD: pidfd}, syscall.ESRCH, "the process is gone"},
		{"no pidfd", Task{PIDFD: 2}, syscall.EBADF, "descriptor 2 isn't one of pidfd_open(2)"},
		{"closed pidfd", Task{PIDFD: 1 << 20}, syscall.EBADF, "descriptor 1048576"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			it, err := Open(p, &Options{Task: tt.task})
			if err == nil {
				it.Close()
			}
			if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("Open() = %v, want %v with %q", err, tt.err, tt.text)
			}
		})
	}
}

// TestTaskVanishes has a task end while the iterator is open: it finds nothing.
func TestTaskVanishes(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	p := mustLoad(t, "task", pids(t, "task"))
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end := func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // says that it was killed
		}
	}
	defer end()
	it := openTask(t, p, Task{PID: cmd.Process.Pid})
	if got := collect[pid](t, it); len(got) != 1 || got[0].TID != uint64(cmd.Process.Pid) {
		t.Errorf("records = %v, want process %d", got, cmd.Process.Pid)
	}
	end()
	if got := collect[pid](t, it); len(got) != 0 {
		t.Errorf("records = %v after the process ended, want none", got)
	}
}

// TestTaskOldKernels makes sure that kernels which would go over all tasks say so.
func TestTaskOldKernels(t *testing.T) {
	p := mustLoad(t, "task", quiet())
	if testutil.KernelAtLeast(t, "6.1") {
		return // TestTask has done it
	}
	pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	for _, task := range []Task{{TID: os.Getpid()}, {PID: os.Getpid()}, {PIDFD: pidfd}} {
		_, err := Open(p, &Options{Task: task})
		if err == nil || !strings.Contains(err.Error(), "Requires Linux 6.1") {
			t.Errorf("Open(%+v) = %v, want that it requires Linux 6.1", task, err)
		}
	}
}

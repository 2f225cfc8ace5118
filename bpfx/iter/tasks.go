package iter

import (
	"bytes"
	stditer "iter"
	"time"

	"github.com/bpfx/go/bpfx"
)

// TaskInfo is a task: a thread of a process, or of the kernel.
type TaskInfo struct {
	// PID is the process, TID the thread; they are the same for the first thread
	// of a process. PPID is the process that gets its exit status, 0 if none in
	// this machine does. All three are those of the initial PID namespace: inside
	// of a container they aren't what getpid(2) returns and kill(2) takes.
	PID, TID, PPID int32
	// UID is the user that the process is of, EUID the one whose rights it has
	// and GID the group that it is of, as in the initial user namespace.
	UID, EUID, GID uint32
	// State is what the task does.
	State TaskState
	// KernelThread says that the kernel made it, and that it has no program of
	// its own.
	KernelThread bool
	_            [6]byte
	// Start is when the task started, in ns since the machine did, with the time
	// that it slept: the clock CLOCK_BOOTTIME.
	Start time.Duration
	// CPUTime is how long the task ran on a CPU, in ns. ExitedTime is the same of
	// all threads of the process that have exited.
	CPUTime, ExitedTime time.Duration
	// Comm is the name of the task.
	Comm TaskComm
}

// TaskComm is the name of a task: 15 bytes at most, followed by zeros. /proc and
// ps add to the names of kernel workers what they work on.
type TaskComm [16]byte

// String returns the name without the zeros.
func (c TaskComm) String() string {
	if n := bytes.IndexByte(c[:], 0); n >= 0 {
		return string(c[:n])
	}
	return string(c[:])
}

// TaskState is what a task does, a letter as in /proc and ps.
type TaskState byte

// The states of tasks.
const (
	Running   TaskState = 'R' // on a CPU or ready for one
	Sleeping  TaskState = 'S' // waits, and can be interrupted
	DiskSleep TaskState = 'D' // waits, and can't be interrupted
	Stopped   TaskState = 'T' // by a signal
	Traced    TaskState = 't' // stopped by a debugger
	Dead      TaskState = 'X' // about to vanish
	Zombie    TaskState = 'Z' // exited, and its status wasn't asked for
	Parked    TaskState = 'P' // a thread of the kernel
	Idle      TaskState = 'I' // a thread of the kernel
)

// String returns the letter.
func (s TaskState) String() string { return string(rune(s)) }

// Tasks reads all tasks, which are all threads, of the PID namespace of who
// reads. How long it takes, and how long /proc, is in bench/results.txt.
//
//	for t, err := range bpfiter.Tasks() {
//
// Each loop loads a program and reads once: see [LoadTasks] for more. An error
// comes last and with a zero TaskInfo; leaving the loop leaves nothing open. A
// task that starts or ends meanwhile may be there or not.
//
// Requires Linux 5.9 with BTF, CAP_BPF and CAP_PERFMON or CAP_SYS_ADMIN.
func Tasks() stditer.Seq2[TaskInfo, error] { return readTasks(LoadTasks) }

// Processes is [Tasks] for the first thread of each process only. It stays
// there, as a zombie, if it exits before the others do.
func Processes() stditer.Seq2[TaskInfo, error] { return readTasks(LoadProcesses) }

// LoadTasks loads the program of [Tasks]. [Records] of TaskInfo reads what an
// iterator of it writes, as often as it is asked, and [Options.Task] restricts
// that to a process:
//
//	p, err := bpfiter.LoadTasks()
//	...
//	it, err := bpfiter.Open(p, &bpfiter.Options{Task: bpfiter.Task{PID: 1}})
//	...
//	for t, err := range bpfiter.Records[bpfiter.TaskInfo](it) {
//
// The program must be closed. Returns an error wrapping [ebpf.ErrNotSupported]
// if the kernel has no BTF or no iterator of tasks.
func LoadTasks() (*bpfx.Program, error) { return loadTasks(false) }

// LoadProcesses is [LoadTasks] for [Processes].
func LoadProcesses() (*bpfx.Program, error) { return loadTasks(true) }

func readTasks(load func() (*bpfx.Program, error)) stditer.Seq2[TaskInfo, error] {
	return func(yield func(TaskInfo, error) bool) {
		p, err := load()
		if err != nil {
			yield(TaskInfo{}, err)
			return
		}
		defer p.Close() // all was read from it
		it, err := Open(p, nil)
		if err != nil {
			yield(TaskInfo{}, err)
			return
		}
		Records[TaskInfo](it)(yield)
	}
}

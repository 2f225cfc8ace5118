package iter

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	kbtf "github.com/bpfx/go/internal/btf"
	"github.com/bpfx/go/internal/testutil"
)

// procTask is what /proc tells of a task.
func procTask(dir string) (t TaskInfo, err error) {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return t, err
	}
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	f := strings.Fields(string(stat[end+2:])) // from the state on, field 3
	text, err := os.ReadFile(dir + "/status")
	if err != nil {
		return t, err
	}
	status := string(text)
	field := func(name string) []string {
		for line := range strings.Lines(status) {
			if rest, ok := strings.CutPrefix(line, name+":"); ok {
				return strings.Fields(rest)
			}
		}
		return []string{"-1", "-1"}
	}
	num := func(s string) int64 {
		n, _ := strconv.ParseInt(s, 10, 64)
		return n
	}
	tid := num(string(stat[:open-1]))
	t = TaskInfo{
		TID: int32(tid), PID: int32(num(field("Tgid")[0])), PPID: int32(num(f[1])),
		UID: uint32(num(field("Uid")[0])), EUID: uint32(num(field("Uid")[1])), GID: uint32(num(field("Gid")[0])),
		State: TaskState(f[0][0]), KernelThread: num(f[6])&0x00200000 != 0,
		Start: time.Duration(num(f[19])) * tick, CPUTime: time.Duration(num(f[11])+num(f[12])) * tick,
	}
	copy(t.Comm[:15], stat[open+1:end])
	return t, nil
}

// tick is the unit of times in /proc: USER_HZ is 100 on all but alpha.
const tick = 10 * time.Millisecond

// procTasks reads all tasks.
func procTasks(tb testing.TB) map[int32]TaskInfo {
	tb.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*")
	if err != nil || len(dirs) == 0 {
		tb.Fatal(dirs, err)
	}
	all := make(map[int32]TaskInfo)
	for _, dir := range dirs {
		if t, err := procTask(dir); err == nil {
			all[t.TID] = t
		}
	}
	return all
}

// tasks reads all tasks, or the first of each process.
func tasks(tb testing.TB, leaders bool) map[int32]TaskInfo {
	tb.Helper()
	seq := Tasks()
	if leaders {
		seq = Processes()
	}
	all := make(map[int32]TaskInfo)
	for t, err := range seq {
		testutil.SkipIfNotSupported(tb, err, "iterators", "5.9", "CONFIG_DEBUG_INFO_BTF", "CONFIG_BPF_EVENTS")
		if err != nil {
			tb.Fatal(err)
		}
		if _, again := all[t.TID]; again {
			tb.Errorf("task %d twice", t.TID)
		}
		all[t.TID] = t
	}
	return all
}

// TestTasks compares all tasks with those in /proc before and after.
func TestTasks(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	startThreads(t, 20)
	began := testutil.SinceBoot(t)
	before := procTasks(t)
	got := tasks(t, false)
	after := procTasks(t)
	for tid, want := range before {
		later, stays := after[tid]
		if !stays || later.Start != want.Start {
			continue
		}
		is, ok := got[tid]
		if !ok && testutil.Guarded(want.PID) {
			continue
		}
		if !ok {
			t.Errorf("task %d (%v) is missing", tid, want.Comm)
			continue
		}
		// What changes may be as it was before or after, or anything between.
		brief := func(s TaskState) bool { return s == Running || s == DiskSleep }
		if want.State != later.State || brief(want.State) || brief(is.State) {
			is.State = want.State
		}
		if want.PPID != later.PPID {
			is.PPID = want.PPID
		}
		if want.UID != later.UID || want.EUID != later.EUID || want.GID != later.GID {
			is.UID, is.EUID, is.GID = want.UID, want.EUID, want.GID
		}
		if want.KernelThread != later.KernelThread { // it has started a program
			is.KernelThread = want.KernelThread
		}
		if want.Comm != later.Comm {
			is.Comm = want.Comm
		}
		// Older kernels add "/0:1-events" in /proc to the name of a worker.
		if is.KernelThread && strings.HasPrefix(want.Comm.String(), is.Comm.String()) {
			is.Comm = want.Comm
		}
		if d := is.Start - want.Start; d < 0 || d >= tick {
			t.Errorf("task %d started %v after boot, /proc says %v", tid, is.Start, want.Start)
		}
		is.Start, is.CPUTime, is.ExitedTime = want.Start, want.CPUTime, 0
		if is != want {
			t.Errorf("task %d: %+v, want %+v", tid, is, want)
		}
	}
	for tid, is := range got {
		_, was := before[tid]
		_, stays := after[tid]
		if !was && !stays && is.Start < began {
			t.Errorf("task %d (%v) was in /proc neither before nor after", tid, is.Comm)
		}
	}
	if self := got[int32(os.Getpid())]; self.PID != int32(os.Getpid()) || self.PPID != int32(os.Getppid()) || self.KernelThread {
		t.Errorf("this process is %+v", self)
	}
}

func TestProcesses(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	startThreads(t, 3)
	leaders := tasks(t, true)
	all := tasks(t, false)
	again := tasks(t, true)
	for tid, p := range leaders {
		if p.PID != tid || p.TID != tid {
			t.Errorf("task %+v isn't the first of its process", p)
		}
		if _, stays := again[tid]; stays {
			if _, ok := all[tid]; !ok {
				t.Errorf("process %d isn't among all tasks", tid)
			}
		}
	}
	own := 0
	for _, p := range all {
		if p.PID == int32(os.Getpid()) {
			own++
		}
	}
	if own < 4 {
		t.Errorf("this process has %d threads, want 4 or more", own)
	}
}

// TestTaskStates brings processes into a state each.
func TestTaskStates(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	start := func(name string, arg ...string) *exec.Cmd {
		t.Helper()
		cmd := exec.Command(name, arg...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		})
		return cmd
	}
	sleeping := start("sleep", "1000")
	stopped := start("sleep", "1000")
	if err := stopped.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	zombie := start("true")
	began := testutil.SinceBoot(t)
	running := start("sh", "-c", "while :; do :; done")
	for _, tt := range []struct {
		cmd  *exec.Cmd
		want TaskState
	}{{sleeping, Sleeping}, {stopped, Stopped}, {zombie, Zombie}, {running, Running}} {
		pid := int32(tt.cmd.Process.Pid)
		var got TaskInfo
		testutil.Eventually(t, fmt.Sprintf("%v is in state %v", tt.cmd.Args, tt.want), func() bool {
			got = tasks(t, false)[pid]
			return got.State == tt.want
		})
		if got.PPID != int32(os.Getpid()) {
			t.Errorf("the parent of %v is %d, want %d", tt.cmd.Args, got.PPID, os.Getpid())
		}
	}
	var before, after TaskInfo
	testutil.Eventually(t, "a process that runs gets CPU time", func() bool {
		before, after = after, tasks(t, true)[int32(running.Process.Pid)]
		return before.CPUTime > 0 && after.CPUTime > before.CPUTime
	})
	if now := testutil.SinceBoot(t); after.Start < began || after.Start > now {
		t.Errorf("a process started %v after boot, want between %v and %v", after.Start, began, now)
	}
}

// TestTaskCredentials runs a process as another user.
func TestTaskCredentials(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4242, Gid: 4343}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	got := tasks(t, true)[int32(cmd.Process.Pid)]
	if got.UID != 4242 || got.EUID != 4242 || got.GID != 4343 {
		t.Errorf("a process of user 4242 and group 4343 is %+v", got)
	}
}

// TestTasksOfProcess restricts the program to a process.
func TestTasksOfProcess(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	p, err := LoadTasks()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	it, err := Open(p, &Options{Task: Task{PID: os.Getpid()}})
	testutil.SkipIfNotSupported(t, err, "iterators over the threads of a process", "6.1")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for task, err := range Records[TaskInfo](it) {
		if err != nil || task.PID != int32(os.Getpid()) {
			t.Error(task, err)
		}
		n++
	}
	if n == 0 {
		t.Error("no threads")
	}
}

// TestLoadProcesses reads twice with one program: leaders of thread groups only.
func TestLoadProcesses(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	p, err := LoadProcesses()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	it, err := Open(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		self := false
		for task, err := range Records[TaskInfo](it) {
			if err != nil || task.PID != task.TID {
				t.Error(task, err)
			}
			self = self || task.PID == int32(os.Getpid())
		}
		if !self {
			t.Error("this process is not among the processes")
		}
	}
}

// TestTasksLeave leaves the loop early. TestMain looks for what is left.
func TestTasksLeave(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	before := descriptors(t)
	for range Tasks() {
		break
	}
	func() {
		defer func() { _ = recover() }()
		for range Processes() {
			panic("inside the loop")
		}
	}()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, before it were %d", after, before)
	}
}

func TestTaskComm(t *testing.T) {
	for want, comm := range map[string]TaskComm{
		"": {}, "init": {'i', 'n', 'i', 't'}, "0123456789abcdef": TaskComm([]byte("0123456789abcdef")),
	} {
		if got := comm.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

func TestFindField(t *testing.T) {
	spec, err := kbtf.Shared.Cache().Kernel()
	if err != nil {
		t.Skip("skipping: needs the kernel's BTF:", err)
	}
	for _, path := range []string{"no_such_struct.a", "task_struct.no_such_member", "task_struct.se.no_such_member"} {
		if f, err := findField(spec, path); err == nil {
			t.Errorf("findField(%q) = %v", path, f)
		}
	}
	if _, err := findField(spec, "task_struct.no_such_member task_struct.pid"); err != nil {
		t.Error(err)
	}
}

//go:build amd64 || arm64

package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/testprogs"
	"github.com/bpfx/go/internal/testutil"
)

// A process runs operations while the test fails its system calls.
type process struct {
	cmd *exec.Cmd
	in  *json.Encoder
	out *json.Decoder
	w   *watcher
	place
}

// kernelMinor returns the second number of the kernel's version.
func kernelMinor(t *testing.T) (minor int) {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(text), "%d.%d", new(int), &minor); err != nil {
		t.Fatal(err)
	}
	return minor
}

// newPlace prepares a place for operations.
func newPlace(t *testing.T) place {
	t.Helper()
	testutil.NeedRoot(t)
	// The kernel may have files of its own at the top.
	p := place{BPFFS: filepath.Join(testutil.BPFFS(t), "pins"), Cgroup: testutil.Cgroup(t), Object: filepath.Join(t.TempDir(), "testprogs.o")}
	if err := os.Mkdir(p.BPFFS, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.Object, testprogs.Object(), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p.Probe.Path, p.Probe.Address = exe, testutil.ProbeOffset(t)
	return p
}

// start starts a child with more environment, in a network namespace of its
// own. It is killed when the test ends.
func start(t *testing.T, p place) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	// No signals but those that are sent: a call that waits for its answer would
	// be made anew, and counted twice.
	cmd.Env = append(os.Environ(), childEnv+"="+string(text), "GODEBUG=asyncpreemptoff=1,updatemaxprocs=0")
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	cmd.Stderr = os.Stderr
	return cmd
}

// newProcess starts a child whose system calls are watched.
func newProcess(t *testing.T) *process {
	t.Helper()
	p := &process{place: newPlace(t)}
	p.cmd = start(t, p.place)
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(t, in) })
	p.in, p.out = json.NewEncoder(in), json.NewDecoder(out)
	var hello reply
	if err := p.out.Decode(&hello); err != nil {
		t.Fatal("the child doesn't start:", err)
	}
	listener, err := getFD(p.cmd.Process.Pid, hello.Listener)
	if err != nil {
		t.Fatal(err)
	}
	p.w = &watcher{listener: listener}
	go p.w.watch()
	return p
}

func (p *process) stop(t *testing.T, in io.Closer) {
	in.Close() // it ends when there is nothing to read
	over := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
	defer over.Stop()
	if err := p.cmd.Wait(); err != nil {
		t.Error("the child ended with", err)
	}
}

// getFD takes a descriptor out of another process.
func getFD(pid, fd int) (int, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, fmt.Errorf("pidfd_open: %w", err)
	}
	defer unix.Close(pidfd)
	got, err := unix.PidfdGetfd(pidfd, fd, 0)
	if err != nil {
		return -1, fmt.Errorf("pidfd_getfd: %w", err)
	}
	return got, nil
}

// do has the child run an operation; "" collects garbage.
func (p *process) do(name string) (reply, error) {
	if err := p.in.Encode(request{name}); err != nil {
		return reply{}, err
	}
	// A child that hangs tells where.
	hung := time.AfterFunc(2*time.Minute, func() { p.cmd.Process.Signal(unix.SIGQUIT) })
	defer hung.Stop()
	var r reply
	if err := p.out.Decode(&r); err != nil {
		return r, fmt.Errorf("the child is gone: %w", err)
	}
	return r, nil
}

// descriptors lists what the child has open, but for what the runtime opens
// when it first polls.
func (p *process) descriptors() (map[int]string, error) {
	dir := fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	list := make(map[int]string, len(entries))
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, err
		}
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list[n] = target
	}
	return list, nil
}

// limit lets the child open n more descriptors; a negative n any number.
func (p *process) limit(n int) error {
	limit := unix.Rlimit{Cur: 1024, Max: 1024}
	if n >= 0 {
		open, err := p.descriptors()
		if err != nil {
			return err
		}
		// The kernel gives the lowest numbers.
		max := 0
		for ; n > 0 || open[max] != ""; max++ {
			if open[max] == "" {
				n--
			}
		}
		limit.Cur = uint64(max)
	}
	return unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil)
}

// namespaces returns the network namespaces of the child's threads, each once.
func (p *process) namespaces() (map[string]bool, error) {
	dir := fmt.Sprintf("/proc/%d/task", p.cmd.Process.Pid)
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	list := make(map[string]bool)
	for _, t := range threads {
		ns, err := os.Readlink(filepath.Join(dir, t.Name(), "ns/net"))
		if err == nil { // the thread is there still
			list[ns] = true
		}
	}
	return list, nil
}

// pins lists what is pinned.
func (p *place) pins() (list []string, err error) {
	err = filepath.WalkDir(p.BPFFS, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, strings.TrimPrefix(path, p.BPFFS))
		}
		return err
	})
	return list, err
}

// removePins removes what is pinned.
func (p *place) removePins() error {
	entries, err := os.ReadDir(p.BPFFS)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(p.BPFFS, e.Name())))
	}
	return err
}

// eventFiles are where tracefs lists events that processes have made.
var eventFiles = []string{"/sys/kernel/tracing/kprobe_events", "/sys/kernel/tracing/uprobe_events"}

func isEvents(path string) bool {
	return strings.HasSuffix(path, "/tracing/kprobe_events") || strings.HasSuffix(path, "/tracing/uprobe_events")
}

// events lists the events of tracefs that cilium/ebpf made: those of others come
// and go at any time, and are not to be removed.
func events() (list []string) {
	for _, file := range eventFiles {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the kernel has no such probes
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, ":ebpf_") { // as in p:group/name
				list = append(list, strings.TrimSpace(line))
			}
		}
	}
	return list
}

// removeEvents removes events of tracefs.
func removeEvents(list []string) error {
	var errs []error
	for _, line := range list {
		name, _, _ := strings.Cut(line, " ")
		_, name, _ = strings.Cut(name, ":")
		for _, file := range eventFiles {
			f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				continue
			}
			_, err = f.WriteString("-:" + name)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, err)
			}
			f.Close()
		}
	}
	return errors.Join(errs...)
}

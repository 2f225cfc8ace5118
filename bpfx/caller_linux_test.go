package bpfx_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/testutil"
)

// A caller is a thread of this process or another one that makes system calls
// when it is told to, and none of these by itself.
type caller struct {
	tb       testing.TB
	pid, tid int
	in       io.Writer
	out      *bufio.Reader
}

// getsid has c call getsid n times, on a CPU.
func (c *caller) getsid(cpu, n int) {
	c.tb.Helper()
	if got := c.ask("getsid %d %d", cpu, n); got != "<nil>" {
		c.tb.Fatal("getsid:", got)
	}
}

// ask sends a command and returns the answer.
func (c *caller) ask(format string, args ...any) (answer string) {
	c.tb.Helper()
	if _, err := fmt.Fprintf(c.in, format+"\n", args...); err != nil {
		c.tb.Fatal(err)
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		c.tb.Fatal(err)
	}
	return line[:len(line)-1]
}

// serve is what a caller does: answer commands until there are no more. It
// never lets go of its thread, which so ends with the goroutine.
func serve(in io.Reader, out io.Writer) {
	runtime.LockOSThread()
	fmt.Fprintln(out, os.Getpid(), unix.Gettid())
	for s := bufio.NewScanner(in); s.Scan(); {
		var cpu, n int
		var err error
		switch {
		case s.Text() == "probe":
			testutil.ProbeTarget()
		case s.Text() == "socket":
			var fd int
			if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
				err = unix.Close(fd)
			}
		case scan(s.Text(), &cpu, &n):
			var set unix.CPUSet
			set.Set(cpu)
			err = unix.SchedSetaffinity(0, &set)
			for i := 0; i < n && err == nil; i++ {
				_, err = unix.Getsid(os.Getpid())
			}
		default:
			err = fmt.Errorf("command %q is not known", s.Text())
		}
		fmt.Fprintln(out, err)
	}
}

func scan(line string, cpu, n *int) bool {
	_, err := fmt.Sscanf(line, "getsid %d %d", cpu, n)
	return err == nil
}

// newThread starts a caller in this process.
func newThread(tb testing.TB) *caller {
	tb.Helper()
	in, tell := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		serve(in, out)
	}()
	tb.Cleanup(func() {
		tell.Close()
		<-done
	})
	return newCaller(tb, tell, answers)
}

const callerEnv = "BPFX_TEST_CALLER"

// callerMain is the main function of the process that newProcess starts.
func callerMain() {
	serve(os.Stdin, os.Stdout)
	os.Exit(0)
}

// newProcess starts this executable as a caller.
func newProcess(tb testing.TB) *caller {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), callerEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Error(err)
		}
	})
	return newCaller(tb, in, out)
}

func newCaller(tb testing.TB, in io.Writer, out io.Reader) *caller {
	tb.Helper()
	c := &caller{tb: tb, in: in, out: bufio.NewReader(out)}
	if _, err := fmt.Fscanln(c.out, &c.pid, &c.tid); err != nil {
		tb.Fatal(err)
	}
	return c
}

// allowedCPUs returns the CPUs that this process may run on.
func allowedCPUs(tb testing.TB) []int {
	tb.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		tb.Fatal(err)
	}
	var cpus []int
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

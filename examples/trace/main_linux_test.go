package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) {
	if os.Getenv("BPFX_TRACE_CHILD") != "" {
		if err := rename(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	testutil.Main(m)
}

// place is one that all kernels have: a thread that gives itself a name.
const place = "raw_tp/task_rename"

// child is a process that gives itself a name when told to.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

func startChild(t *testing.T) child {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "BPFX_TRACE_CHILD=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil { // it has started
		t.Fatal(err)
	}
	return child{cmd, stdin}
}

// rename has the child rename itself and end.
func (c child) rename(t *testing.T) {
	t.Helper()
	c.stdin.Close()
	if err := c.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// rename is what a child does.
func rename() error {
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return os.WriteFile("/proc/thread-self/comm", []byte("bpfx-renamed"), 0)
}

// TestTrace traces two processes, and only one of them.
func TestTrace(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	for _, tt := range []struct {
		name string
		only bool
	}{
		{"all", false},
		{"one process", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := startChild(t), startChild(t)
			var o options
			if tt.only {
				o.pid = a.cmd.Process.Pid
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var out buffer
			done := make(chan error)
			go func() { done <- trace(ctx, &out, o, []string{place}) }()
			testutil.Eventually(t, "trace started", func() bool { return strings.Contains(out.String(), "COMMAND") })
			b.rename(t)
			a.rename(t)
			line := func(c child) bool {
				return strings.Contains(out.String(), fmt.Sprintf("%8d  ", c.cmd.Process.Pid))
			}
			testutil.Eventually(t, "event printed", func() bool { return line(a) })
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if line(b) == tt.only {
				t.Errorf("traced the other process: %v, in\n%s", line(b), &out)
			}
			if got := out.String(); !strings.Contains(got, "PLACE") || !strings.Contains(got, `raw_tracepoint "task_rename"`) {
				t.Errorf("printed\n%s", got)
			}
		})
	}
}

// TestFor traces for a while without anything to see: no process has the PID
// (PID_MAX_LIMIT of include/linux/threads.h).
func TestFor(t *testing.T) {
	testutil.NeedRoot(t)
	var out bytes.Buffer
	err := trace(t.Context(), &out, options{pid: 1 << 22, limit: 50 * time.Millisecond}, []string{place, "tp_btf/task_rename"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{place + "  0", "tp_btf/task_rename  0"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

func TestBadPlaces(t *testing.T) {
	testutil.NeedRoot(t)
	for _, tt := range []struct {
		place string
		want  string
	}{
		{"nonesuch/x", `no place starts with "nonesuch"; it may be one of fentry`},
		{"raw_tp", "doesn't say where"},
		{"raw_tp/nonesuch", "no such tracepoint"},
		{"tp_btf/nonesuch", "nonesuch"},
		{"uprobe//nonesuch:main", "/nonesuch"},
	} {
		err := trace(t.Context(), io.Discard, options{}, []string{place, tt.place})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.place, err, tt.want)
		}
	}
	if err := trace(t.Context(), io.Discard, options{pid: -1}, []string{place}); err == nil {
		t.Error("-pid -1 was accepted")
	}
	var pe *bpfx.ProgramError
	if err := trace(t.Context(), io.Discard, options{}, []string{"raw_tp/nonesuch"}); !errors.As(err, &pe) {
		t.Errorf("%v is no ProgramError", err)
	}
}

// buffer is a bytes.Buffer for two goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPrintTable(t *testing.T) {
	results := []*KernelResult{
		{Label: "5.10", Release: "5.10.0-32-amd64", Passed: 10, Skipped: 3, Tries: 1, Seconds: 30.04},
		{Label: "6.12", Release: "6.12.1", Passed: 12, Failed: 1, Tries: 2, Seconds: 9, Problems: []string{"x"}},
	}
	want := `
kernel  release          passed  failed  skipped  time    
5.10    5.10.0-32-amd64  10      0       3        30.0 s  ok
6.12    6.12.1           12      1       0        9.0 s   FAILED (try 2)

2 kernels in 40.0 s
22 passed, 1 failed, 3 skipped
`
	var b bytes.Buffer
	printTable(&b, results, 40*time.Second)
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("printTable (-want +got):\n%s", diff)
	}
	if green(results) || green(nil) || !green(results[:1]) {
		t.Error("green is wrong")
	}
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	now := time.Now()
	p := newProgress(&b)
	p.begin, p.now = now, func() time.Time { return now }
	p.Show("6.1", "boot", "")
	p.Show("6.12", "boot", "")
	now = now.Add(5 * time.Second)
	p.Show("6.1", "boot", "")
	p.Show("6.12", "1/1 bpfx", ": 0 tests done")
	now = now.Add(60 * time.Second)
	p.Show("6.12", "1/1 bpfx", ": 9 tests done")
	want := " 0:00  6.1    boot\n 0:00  6.12   boot\n 0:05  6.12   1/1 bpfx: 0 tests done\n 1:05  6.12   1/1 bpfx: 9 tests done\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestLogExcerpt(t *testing.T) {
	boot := strings.Repeat("[    0.100000] boot\n", 500)
	if got := logExcerpt(boot + "[    1.0] end\n"); strings.Count(got, "\n") != 29 || !strings.HasSuffix(got, "end") {
		t.Errorf("logExcerpt of a quiet log = %q", got)
	}
	got := logExcerpt(boot + "[    9.0] BUG: kernel NULL pointer dereference\n" + strings.Repeat("trace\n", 100))
	if !strings.HasPrefix(got, "[    9.0] BUG") || strings.Count(got, "\n") != 59 {
		t.Errorf("logExcerpt of an oops = %q", got)
	}
	if notes := kernelComplaints(boot + "[ 1.0] WARNING: CPU: 0 PID: 1 at kernel/x.c\n"); len(notes) != 1 {
		t.Errorf("kernelComplaints = %q", notes)
	}
	if notes := kernelComplaints("[ 1.0] Module evdev is blacklisted\n"); notes != nil {
		t.Errorf("kernelComplaints = %q, want none", notes)
	}
}

func TestExitCode(t *testing.T) {
	for want, err := range map[int]error{
		0: nil, 2: errors.New("bad usage"), 130: fmt.Errorf("build: %w", errInterrupted),
		7: fmt.Errorf("x: %w", &exitError{7, &silentError{errors.New("command")}}),
	} {
		if got := exitCode(err); got != want {
			t.Errorf("exitCode(%v) = %d, want %d", err, got, want)
		}
	}
}

func TestLastLines(t *testing.T) {
	if got := lastLines("a\nb\r\n"+strings.Repeat("c", 1000)+"\n", 2); got != "b\n"+strings.Repeat("c", 400)+"..." {
		t.Errorf("lastLines = %q", got)
	}
}

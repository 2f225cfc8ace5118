package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMisbehaviour runs tests that misbehave on purpose, each in a VM of its own, and looks at
// what the runner makes of it. It takes half a minute to a minute and a half for each.
func TestMisbehaviour(t *testing.T) {
	if os.Getenv("BPFX_VMTEST_CRASH") == "" {
		t.Skip("skipping: takes ten minutes (try BPFX_VMTEST_CRASH=1 go test -timeout 30m ./vmtest, after make vmtest-setup)")
	}
	runner := filepath.Join(t.TempDir(), "vmtest")
	if out, err := exec.Command("go", "build", "-o", runner, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the runner: %v\n%s", err, out)
	}
	tests := []struct {
		name string
		exit int
		want []string // in the output, in any order
		not  string
	}{
		{"Pass", 0, []string{"1 passed, 0 failed, 0 skipped"}, "once more"},
		{"Fail", 1, []string{"fails on purpose", "TestFail failed", "1 passed, 1 failed"}, "once more"},
		{"Hang", 1, []string{"last words of TestHang", "test timed out after 10s", "TestHang never ended"}, "once more"},
		{"Stubborn", 1, []string{"last words of TestStubborn", "ran longer than 20s"}, "once more"},
		{"Flood", 1, []string{"wrote more than 64 MB"}, "once more"},
		{"Panic", 1, []string{"last words of TestPanic", "Kernel panic - not syncing: sysrq", "the guest died in", "once more", "FAILED (try 2)"}, ""},
		{"KillAll", 1, []string{"last words of TestKillAll", "the guest died in", "once more"}, ""},
		{"KillInit", 1, []string{"last words of TestKillInit", "Attempted to kill init", "once more"}, ""},
		{"PowerOff", 1, []string{"last words of TestPowerOff", "the guest died in", "once more"}, ""},
		{"Freeze", 1, []string{"last words of TestFreeze", "the guest hung in"}, "once more"},
		{"Undeclared", 1, []string{"TestUndeclared skipped, undeclared"}, "once more"},
		{"False", 1, []string{`says "Requires Linux 4.4", but this is Linux 6.12`}, "once more"},
		{"FalseConfig", 1, []string{`says "Requires CONFIG_BPF", but the kernel has CONFIG_BPF=y`}, "once more"},
		{"Reasonless", 1, []string{"without a reason that can be verified"}, "once more"},
		{"Nonsuch", 0, []string{"1 passed"}, "once more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, exit := runRunner(t, runner, "-kernels", "6.12", "-packages", "./testdata/bad", "-timeout", "10s", "-run", "^Test(Pass|"+test.name+")$")
			if exit != test.exit {
				t.Errorf("exit code %d, want %d", exit, test.exit)
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("output lacks %q", want)
				}
			}
			if test.not != "" && strings.Contains(out, test.not) {
				t.Errorf("output has %q", test.not)
			}
			if t.Failed() {
				t.Log(lastLines(out, 100))
			}
		})
	}
}

// runRunner runs the runner with a cache's kernels and checks that it leaves no VM behind.
func runRunner(t *testing.T, runner string, args ...string) (out string, exit int) {
	t.Helper()
	var b bytes.Buffer
	cmd := exec.Command(runner, args...)
	cmd.Stdout, cmd.Stderr = &b, &b
	err := cmd.Run()
	var exitErr *exec.ExitError
	if err != nil && !errors.As(err, &exitErr) {
		t.Fatal(err)
	}
	if _, dir, found := strings.Cut(b.String(), "kernel logs are in "); found {
		dir = strings.TrimSpace(dir)
		if left := processesNaming(t, dir); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
	return b.String(), cmd.ProcessState.ExitCode()
}

// processesNaming lists the command lines that mention a run's directory.
func processesNaming(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && bytes.Contains(text, []byte(dir)) {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

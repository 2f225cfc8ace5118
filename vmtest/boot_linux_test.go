package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeVNG stands for virtme-ng: it acts as the guest does, after a script.
const fakeVNG = `#!/bin/bash
for arg; do case $arg in --rwdir=*) dir=${arg#--rwdir=};; esac; done
say() { echo "$1" >> "$dir/events"; }
ready() { echo "[    0.000000] Linux version 6.1.0" >&2; echo CONFIG_BPF=y > "$dir/config"; say '{"Phase":"ready","Release":"6.1.0-fake"}'; }
run() { say '{"Phase":"start"}'; printf '\x16=== RUN   TestA\n' >> "$dir/0.out"; }
pass() { printf '\x16--- PASS: TestA (0.00s)\n\x16=== NAME  \nPASS\n' >> "$dir/0.out"; say '{"Phase":"end"}'; say '{"Phase":"done"}'; }
`

func TestMatrixKernel(t *testing.T) {
	tests := []struct {
		name, script string
		tries        int
		problems     []string // parts of them, in order
		notes        string
	}{
		{"fine", "ready; run; pass", 1, nil, ""},
		{"dies once", `ready; run; case $dir in *-1) echo "[ 1.0] Kernel panic - not syncing" >&2; exit 0;; esac; pass`, 2, nil, "the first try failed: the guest died in p"},
		{"dies twice", "ready; run", 2, []string{"the guest died in p", "p TestA never ended"}, "the first try failed"},
		{"dies while booting", `echo "[    0.000000] Linux" >&2`, 2, []string{"the guest died while it booted", "p didn't run"}, "the first try failed"},
		{"dies after a failure", `ready; run; printf '\x16--- FAIL: TestA (0.00s)\n\x16=== NAME  \n' >> "$dir/0.out"`, 1, []string{"the guest died in p", "p TestA failed"}, ""},
		{"vng fails", "echo no such kernel >&2; exit 255", 1, []string{"vng didn't start the VM (exit status 255): no such kernel", "p didn't run"}, ""},
		{"agent fails", `ready; echo "panic: agent" > "$dir/agent.log"`, 2, []string{"panic: agent", "p didn't run"}, "the first try failed"},
		{"hangs", "ready; run; sleep 1000", 1, []string{"the guest hung in p", "p TestA never ended"}, ""},
		{"doesn't power off", "ready; run; pass; sleep 1000", 1, []string{"the guest didn't power off"}, ""},
		{"reports nonsense", `ready; say '{"Phase":"start","Item":99}'; say '{"Phase":"end","Item":-1}'; say nonsense; run; pass`, 1, nil, ""},
		{"warns", `ready; echo "[ 1.0] WARNING: CPU: 0 PID: 1 at x.c" >&2; run; pass`, 1, nil, "the kernel says: [ 1.0] WARNING"},
		{"floods its log", "ready; run; yes >&2", 1, []string{"the kernel log has reached 32 MB", "p TestA never ended"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bin := t.TempDir()
			if err := os.WriteFile(filepath.Join(bin, "vng"), []byte(fakeVNG+test.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			shorten(t)
			m := &matrix{options: &options{jobs: 1}, dir: t.TempDir(), progress: newProgress(io.Discard),
				items: []Item{{Name: "p", Test: true, Limit: 200 * time.Millisecond, MaxOutput: maxOutput}}}
			r, err := m.kernel(t.Context(), target{Label: "6.1"})
			if err != nil {
				t.Fatal(err)
			}
			if r.Tries != test.tries || len(r.Problems) != len(test.problems) {
				t.Fatalf("tries %d, problems %q; want %d, %q", r.Tries, r.Problems, test.tries, test.problems)
			}
			for i, want := range test.problems {
				if !strings.Contains(r.Problems[i], want) {
					t.Errorf("problem %q, want %q", r.Problems[i], want)
				}
			}
			if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, test.notes) || test.notes == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, test.notes)
			}
		})
	}
}

// shorten makes the limits for a guest that doesn't answer short.
func shorten(t *testing.T) {
	old := limits
	limits.grace, limits.poweroff = 3*time.Second, 3*time.Second
	t.Cleanup(func() { limits = old })
}

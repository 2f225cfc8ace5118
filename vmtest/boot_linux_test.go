package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
		short        bool // the limits come: nothing else ends the guest
	}{
		{"fine", "ready; run; pass", 1, nil, "", false},
		{"dies once", `ready; run; case $dir in *-1) echo "[ 1.0] Kernel panic - not syncing" >&2; exit 0;; esac; pass`, 2, nil, "the first try failed: the guest died in p", false},
		{"dies twice", "ready; run", 2, []string{"the guest died in p", "p TestA never ended"}, "the first try failed", false},
		{"dies while booting", `echo "[    0.000000] Linux" >&2`, 2, []string{"the guest died while it booted", "p didn't run"}, "the first try failed", false},
		{"dies after a failure", `ready; run; printf '\x16--- FAIL: TestA (0.00s)\n\x16=== NAME  \n' >> "$dir/0.out"`, 1, []string{"the guest died in p", "p TestA failed"}, "", false},
		{"vng fails", "echo no such kernel >&2; exit 255", 1, []string{"vng didn't start the VM (exit status 255): no such kernel", "p didn't run"}, "", false},
		{"agent fails", `ready; echo "panic: agent" > "$dir/agent.log"`, 2, []string{"panic: agent", "p didn't run"}, "the first try failed", false},
		{"hangs", "ready; run; sleep 1000", 1, []string{"the guest hung in p", "p TestA never ended"}, "", true},
		{"doesn't power off", "ready; run; pass; sleep 1000", 1, []string{"the guest didn't power off"}, "", true},
		{"reports nonsense", `ready; say '{"Phase":"start","Item":99}'; say '{"Phase":"end","Item":-1}'; say nonsense; run; pass`, 1, nil, "", false},
		{"warns", `ready; echo "[ 1.0] WARNING: CPU: 0 PID: 1 at x.c" >&2; run; pass`, 1, nil, "the kernel says: [ 1.0] WARNING", false},
		{"floods its log", "ready; run; yes >&2", 1, []string{"the kernel log has reached 32 MB", "p TestA never ended"}, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.short {
				shorten(t)
			}
			r := runFake(t, test.script, "p")
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

// TestMatrixShares runs three packages of one kernel in two VMs.
func TestMatrixShares(t *testing.T) {
	r := runFake(t, `ready; run
		case $dir in
		*1-1) exit 0;; # dies
		*1-2) printf '\x16--- PASS: TestA (0.00s)\n\x16=== NAME  \nPASS\n' >> "$dir/0.out"; say '{"Phase":"end"}'; say '{"Phase":"start","Item":1}'; printf '\x16=== RUN   TestC\n\x16--- FAIL: TestC (0.00s)\n\x16=== NAME  \n' >> "$dir/1.out"; say '{"Phase":"end","Item":1,"Exit":1}'; say '{"Phase":"done"}';;
		*) pass;;
		esac`, "p", "q", "r")
	var items []string
	for _, item := range r.Items {
		items = append(items, item.Name)
	}
	want := &KernelResult{
		Label: "6.1", Release: "6.1.0-fake", Problems: []string{"r TestC failed"}, Notes: []string{"the first try failed: the guest died in p", "the end of its kernel log:\n" + indent("[    0.000000] Linux version 6.1.0")},
		Passed: 2, Failed: 1, Tries: 2,
	}
	if diff := cmp.Diff(want, r, cmpopts.IgnoreFields(KernelResult{}, "Items", "Seconds", "Dir", "KernLog")); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"p", "q", "r"}, items); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

// runFake runs packages on a kernel whose guest acts after a script, in two VMs if there are several.
func runFake(t *testing.T, script string, packages ...string) *KernelResult {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "vng"), []byte(fakeVNG+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	m := &matrix{options: &options{jobs: 2}, dir: t.TempDir(), progress: newProgress(io.Discard), report: func(*KernelResult) {}}
	for _, name := range packages {
		m.items = append(m.items, Item{Name: name, Test: true, Limit: 200 * time.Millisecond, MaxOutput: maxOutput})
	}
	results, err := m.run(t.Context(), []target{{Label: "6.1"}})
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

// shorten makes the limits for a guest that doesn't answer short. The others stay
// long: what a guest does in moments takes seconds on a busy machine.
func shorten(t *testing.T) {
	old := limits
	limits.grace, limits.poweroff = 3*time.Second, 3*time.Second
	t.Cleanup(func() { limits = old })
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// output of a test binary that died in TestC, as -test.v=test2json writes it.
const died = "\x16=== RUN   TestA\n\x16--- PASS: TestA (0.50s)\n" +
	"\x16=== RUN   TestB\n    b_test.go:1: skipping tcx: Requires Linux 6.6 (x)\n\x16--- SKIP: TestB (0.00s)\n" +
	"\x16=== RUN   TestC\n\x16=== RUN   TestC/sub\nno newline here\x16=== NAME  TestC/sub\n    c_test.go:1: last words\n"

func TestReadTests(t *testing.T) {
	file := filepath.Join(t.TempDir(), "0.out")
	if err := os.WriteFile(file, []byte(died), 0o644); err != nil {
		t.Fatal(err)
	}
	tests, err := readTests(t.Context(), "bpfx", file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, test := range tests {
		got = append(got, test.Package+" "+test.Name+" "+test.Action)
	}
	want := []string{"bpfx TestA pass", "bpfx TestB skip", "bpfx TestC run", "bpfx TestC/sub run"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("readTests (-want +got):\n%s", diff)
	}
	if _, ok := parseReason(tests[1].Output); !ok {
		t.Errorf("TestB's output lacks its reason: %q", tests[1].Output)
	}
	if tests[0].Seconds != 0.5 || !strings.Contains(tests[3].Output, "last words") || !strings.Contains(tests[3].Output, "no newline") {
		t.Errorf("readTests = %+v", tests)
	}
	if tests, err := readTests(t.Context(), "bpfx", file+".nope"); tests != nil || err != nil {
		t.Errorf("readTests of no file = %v, %v", tests, err)
	}
}

func TestFinishedTest(t *testing.T) {
	for line, want := range map[string]bool{
		"\x16--- PASS: TestA (0.50s)": true, "    --- SKIP: TestA/b (0.00s)": true, "--- FAIL: TestA": true,
		"=== RUN   TestA": false, "x --- PASS: TestA": false, "": false,
	} {
		if got := finishedTest(line); got != want {
			t.Errorf("finishedTest(%q) = %v", line, got)
		}
	}
}

func TestMiddleOut(t *testing.T) {
	if got := middleOut("short", 10); got != "short" {
		t.Errorf("middleOut = %q", got)
	}
	got := middleOut("BEGIN"+strings.Repeat("x", 1000)+"END", 100)
	if !strings.HasPrefix(got, "BEGIN") || !strings.HasSuffix(got, "END") || len(got) > 150 {
		t.Errorf("middleOut = %q", got)
	}
}

func TestTail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	tail := &tail{path: file}
	var got []string
	for _, step := range []string{"", "a", "b\nc", "\n\nd\n", "e"} {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(step); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for _, line := range tail.Lines() {
			got = append(got, string(line))
		}
	}
	for _, line := range append(tail.Rest(), tail.Rest()...) {
		got = append(got, string(line))
	}
	if diff := cmp.Diff([]string{"ab", "c", "", "d", "e"}, got); diff != "" {
		t.Errorf("Lines (-want +got):\n%s", diff)
	}
}

func TestReadEvents(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	text := `{"Phase":"ready","Release":"6.12.0"}` + "\n\x00garbage\n" + `{"Phase":"end","Item":1,"Exit":2}` + "\n" + `{"Phase":"do`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	want := []Event{{Phase: phaseReady, Release: "6.12.0"}, {Phase: phaseEnd, Item: 1, Exit: 2}}
	if diff := cmp.Diff(want, readEvents(&tail{path: file})); diff != "" {
		t.Errorf("readEvents (-want +got):\n%s", diff)
	}
}

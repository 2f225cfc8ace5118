package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// Test is the outcome of one test or subtest on one kernel.
type Test struct {
	Package string  `json:"package"`
	Name    string  `json:"test"`
	Action  string  `json:"action"` // pass, fail, skip, or run: it never ended
	Seconds float64 `json:"seconds"`
	Output  string  `json:"output,omitempty"` // of what didn't pass
}

// mark is what -test.v=test2json puts before the lines that the testing package itself writes.
const mark = '\x16'

// finishedRE finds the end of a test in the output of -test.v=test2json.
var finishedRE = regexp.MustCompile(`^\x16? *--- (PASS|FAIL|SKIP): `)

func finishedTest(line string) bool { return finishedRE.MatchString(line) }

// readTests turns the raw output of a test binary into tests, with the Go tool made for it.
func readTests(ctx context.Context, pkg, file string) ([]Test, error) {
	f, err := os.Open(file)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the tests' output: %w", err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json", "-t", "-p", pkg) // -t: durations, too
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("read the tests' output: go tool test2json: %w: %s", err, lastLines(stderr.String(), 5))
	}
	return collectTests(stdout.Bytes())
}

// collectTests gathers test2json's events into one Test each, in the order they began.
func collectTests(events []byte) ([]Test, error) {
	index := map[string]int{}
	var tests []Test
	var outputs []*strings.Builder
	decoder := json.NewDecoder(bytes.NewReader(events))
	for decoder.More() {
		var e struct {
			Action, Package, Test, Output string
			Elapsed                       float64
		}
		if err := decoder.Decode(&e); err != nil {
			return nil, fmt.Errorf("read the tests' output: %w", err)
		}
		if e.Test == "" {
			continue
		}
		i, ok := index[e.Test]
		if !ok {
			i = len(tests)
			index[e.Test] = i
			tests = append(tests, Test{Package: e.Package, Name: e.Test, Action: "run"})
			outputs = append(outputs, &strings.Builder{})
		}
		switch e.Action {
		case "output":
			outputs[i].WriteString(e.Output)
		case "pass", "fail", "skip":
			tests[i].Action, tests[i].Seconds = e.Action, e.Elapsed
		}
	}
	for i := range tests {
		if tests[i].Action != "pass" {
			tests[i].Output = middleOut(outputs[i].String(), maxTestOutput)
		}
	}
	return tests, nil
}

// maxTestOutput is how much of a test's output is kept in its result, in bytes; the file has all.
const maxTestOutput = 64 << 10

// middleOut shortens text to about limit bytes: its beginning and its end stay.
func middleOut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return fmt.Sprintf("%s\n... %d bytes left out ...\n%s", text[:limit/2], len(text)-limit/2*2, text[len(text)-limit/2:])
}

// ItemResult is what became of one program in a guest.
type ItemResult struct {
	Name   string `json:"name"`
	Ran    bool   `json:"ran"`           // it began
	Ended  bool   `json:"ended"`         // it ended, Exit is valid
	Exit   int    `json:"exit"`          // exit code, 128 and the signal's number for a signal
	Why    string `json:"why,omitempty"` // why the guest ended it
	Tests  []Test `json:"tests,omitempty"`
	Output string `json:"-"` // the file with its output
}

// KernelResult is what became of one kernel.
type KernelResult struct {
	Label    string       `json:"kernel"`
	Release  string       `json:"release,omitempty"` // uname -r
	Items    []ItemResult `json:"items"`
	Problems []string     `json:"problems,omitempty"` // why it isn't green
	Notes    []string     `json:"notes,omitempty"`    // worth saying, but no reason to fail
	Passed   int          `json:"passed"`
	Failed   int          `json:"failed"`
	Skipped  int          `json:"skipped"`
	Tries    int          `json:"tries"`
	Seconds  float64      `json:"seconds"`
	KernLog  string       `json:"kernel_log,omitempty"` // its end, if the guest died or hung
	Dir      string       `json:"-"`                    // the run's directory
}

// Series is the kernel's version by its own account, or its label if it never said.
func (r *KernelResult) Series() string {
	if v, err := parseVersion(r.Release); err == nil {
		return v.String()
	}
	return r.Label
}

// anyFailed reports whether a test said that it failed; one that merely never ended did not.
func (r *KernelResult) anyFailed() bool {
	for _, item := range r.Items {
		for _, t := range item.Tests {
			if t.Action == "fail" {
				return true
			}
		}
	}
	return false
}

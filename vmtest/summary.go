package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// green reports whether every kernel ran and none has a problem.
func green(results []*KernelResult) bool {
	for _, r := range results {
		if len(r.Problems) > 0 {
			return false
		}
	}
	return len(results) > 0
}

// printTable writes one line per kernel, then the sum as one plain line.
func printTable(w io.Writer, results []*KernelResult, took time.Duration) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nkernel\trelease\tpassed\tfailed\tskipped\ttime\t")
	var passed, failed, skipped int
	for _, r := range results {
		verdict := "ok"
		if len(r.Problems) > 0 {
			verdict = "FAILED"
		}
		if r.Tries > 1 {
			verdict += fmt.Sprintf(" (try %d)", r.Tries)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%.1f s\t%s\n", r.Label, r.Release, r.Passed, r.Failed, r.Skipped, r.Seconds, verdict)
		passed, failed, skipped = passed+r.Passed, failed+r.Failed, skipped+r.Skipped
	}
	_ = t.Flush() // a broken pipe shows below
	fmt.Fprintf(w, "\n%d kernels in %.1f s\n%d passed, %d failed, %d skipped\n", len(results), took.Seconds(), passed, failed, skipped)
}

// printKernel writes what a reader needs of one kernel that isn't green: the output of the
// tests that failed, the end of a broken program's output and of the kernel's log.
func printKernel(w io.Writer, r *KernelResult) {
	for _, note := range r.Notes {
		fmt.Fprintf(w, "%s: note: %s\n", r.Label, note)
	}
	if len(r.Problems) == 0 {
		return
	}
	for _, item := range r.Items {
		shown := false
		for _, t := range item.Tests {
			if t.Action == "fail" || t.Action == "run" {
				shown = true
				fmt.Fprintf(w, "\n--- %s: %s %s (%s)\n%s", r.Label, t.Package, t.Name, t.Action, indent(lastLines(t.Output, 100)))
			}
		}
		if (item.Why != "" || item.Ran && !item.Ended || item.Exit != 0) && !shown {
			fmt.Fprintf(w, "\n--- %s: the end of the output of %s\n%s", r.Label, item.Name, indent(lastLines(clean(readLog(item.Output)), 60)))
		}
	}
	if r.KernLog != "" {
		fmt.Fprintf(w, "\n--- %s: the end of the kernel log\n%s", r.Label, indent(r.KernLog))
	}
	fmt.Fprintln(w)
	for _, problem := range r.Problems {
		fmt.Fprintf(w, "%s: %s\n", r.Label, problem)
	}
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ") + "\n"
}

// clean takes the testing package's marks out of its output.
func clean(text string) string { return strings.ReplaceAll(text, string(mark), "") }

// printJSON writes all results as one document.
func printJSON(w io.Writer, results []*KernelResult, took time.Duration) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	err := e.Encode(struct {
		OK      bool            `json:"ok"`
		Seconds float64         `json:"seconds"`
		Kernels []*KernelResult `json:"kernels"`
	}{green(results), took.Seconds(), results})
	if err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

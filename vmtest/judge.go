package main

import (
	"fmt"
	"slices"
	"strings"
)

// judgement is what a kernel's results are held against.
type judgement struct {
	Expect   Expectation
	Declared bool // false for a kernel that has no expectations: then any true reason will do
	Config   Config
	Whole    bool      // all tests of the packages ran: no -run
	Features []Feature // whose tests must exist
}

// judge counts a kernel's tests and adds every reason why it isn't green.
func (j judgement) judge(r *KernelResult) {
	r.Passed, r.Failed, r.Skipped = 0, 0, 0
	for i := range r.Items {
		j.item(r, &r.Items[i])
	}
	if j.Whole {
		j.absent(r)
	}
	if r.Passed+r.Failed+r.Skipped == 0 && len(r.Problems) == 0 {
		r.problem("nothing ran: no test matches")
	}
}

func (r *KernelResult) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (j judgement) item(r *KernelResult, item *ItemResult) {
	failed := r.Failed
	for _, t := range item.Tests {
		id := TestID{t.Package, t.Name}
		switch t.Action {
		case "pass":
			r.Passed++
			if reason, ok := j.Expect[id]; ok {
				r.problem("%s now works: remove the line %q from expect/%s.txt", id, reason, r.Series())
			}
		case "skip":
			r.Skipped++
			j.skip(r, id, t.Output)
		case "fail":
			r.Failed++
			r.problem("%s failed", id)
		default:
			r.Failed++
			r.problem("%s never ended", id)
		}
	}
	switch {
	case !item.Ran:
		r.problem("%s didn't run", item.Name)
	case item.Why != "":
		r.problem("%s: %s", item.Name, item.Why)
	case item.Ended && item.Exit != 0 && r.Failed == failed:
		r.problem("%s: exit code %d, though no test failed", item.Name, item.Exit)
	default:
		return
	}
	if r.Failed == failed {
		r.Failed++ // the program as a whole
	}
}

// skip verifies one skip.
func (j judgement) skip(r *KernelResult, id TestID, output string) {
	said, ok := parseReason(output)
	if !ok {
		r.problem("%s skipped without a reason that can be verified: %s", id, lastLines(output, 2))
		return
	}
	if why := said.False(r.Release, j.Config); why != "" {
		r.problem("%s skipped and says %q, but %s", id, said, why)
		return
	}
	declared, ok := j.Expect[id]
	switch {
	case !j.Declared:
	case !ok:
		r.problem("%s skipped, undeclared: fix it, or add %q to expect/%s.txt", id, fmt.Sprintf("%s : %s", id, said), r.Series())
	case declared != said:
		r.problem("%s skipped and says %q, expect/%s.txt says %q", id, said, r.Series(), declared)
	}
}

// absent looks for declared tests, and tests that features rest on, that don't exist.
func (j judgement) absent(r *KernelResult) {
	ran := map[TestID]bool{}
	whole := map[string]bool{}
	for _, item := range r.Items {
		whole[item.Name] = item.Ended && item.Why == ""
		for _, t := range item.Tests {
			ran[TestID{t.Package, t.Name}] = true
		}
	}
	var missing []string
	for id := range j.Expect {
		if whole[id.Package] && !ran[id] && !skippedParent(r, id) {
			missing = append(missing, fmt.Sprintf("expect/%s.txt: there is no %s: remove the line", r.Series(), id))
		}
	}
	for _, f := range j.Features {
		if whole[f.Test.Package] && !ran[f.Test] && !skippedParent(r, f.Test) {
			missing = append(missing, fmt.Sprintf("features.txt: there is no %s, which %q rests on", f.Test, f.Name))
		}
	}
	slices.Sort(missing)
	r.Problems = append(r.Problems, missing...)
}

// skippedParent reports whether a subtest didn't run because its test skipped.
func skippedParent(r *KernelResult, id TestID) bool {
	parent, _, sub := strings.Cut(id.Test, "/")
	if !sub {
		return false
	}
	for _, item := range r.Items {
		for _, t := range item.Tests {
			if t.Package == id.Package && t.Name == parent && t.Action == "skip" {
				return true
			}
		}
	}
	return false
}

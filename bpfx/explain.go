package bpfx

import (
	"fmt"
	"slices"
	"strings"
)

// Diagnosis says why loading or attaching failed.
type Diagnosis struct {
	// Summary is what failed and the kernel's errno, in a line.
	Summary string
	// Cause is why, in a line. It was checked, on this machine.
	Cause string
	// Evidence is what was read, and where, a line each.
	Evidence []string
	// Remedy is what to do, in a line. It may be empty.
	Remedy string
}

// String returns the diagnosis for people, in at most five lines.
func (d *Diagnosis) String() string {
	if d == nil {
		return "no cause found"
	}
	lines := []string{d.Summary, "  cause: " + d.Cause}
	switch seen := d.Evidence; len(seen) {
	case 0:
	case 1:
		lines = append(lines, "  seen: "+seen[0])
	default:
		lines = append(lines, "  seen: "+seen[0], "  seen: "+strings.Join(seen[1:], "; "))
	}
	if d.Remedy != "" {
		lines = append(lines, "  remedy: "+d.Remedy)
	}
	return strings.Join(lines, "\n")
}

// Explain returns why err happened, an error of loading, attaching or pinning:
// a privilege that the process lacks, a kernel that is too old or was built
// without an option, a symbol that isn't there and the ones nearest to it, the
// program that has the place already, what the verifier rejects.
//
// It returns nil if it has nothing to add, also for nil. A cause that could
// not be checked is never named: that a kernel's configuration can't be read,
// for instance, says nothing about its options. [AttachError] and [LoadError]
// print the cause too; Explain adds what was read, and the remedy.
//
// What depends on the moment, such as the program that holds a hook, was read
// when the error happened; the rest is read when the error is first printed or
// explained, which takes some 100 ms for a missing symbol. Nothing is changed
// on the machine. Of errors that are joined, the first with a cause is
// explained.
func Explain(err error) *Diagnosis {
	if err == nil {
		return nil
	}
	f := findCause(err)
	if f == nil {
		f = findRejection(err)
	}
	if f == nil {
		f = platformCause(err)
	}
	if f == nil {
		return nil
	}
	return &Diagnosis{
		Summary:  oneLine(summary(subject(err, f).Error(), f.why)),
		Cause:    oneLine(f.why),
		Evidence: slices.Clone(f.evidence),
		Remedy:   f.remedy,
	}
}

// subject returns the error that f explains: of errors that are joined, which
// print a line each, the one that has f.
func subject(err error, f *finding) error {
	if !strings.Contains(err.Error(), "\n") {
		return err
	}
	switch e := err.(type) { //nolint:errorlint // this walks the tree itself
	case interface{ Unwrap() error }:
		return subject(e.Unwrap(), f)
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if findCause(part) == f {
				return subject(part, f)
			}
		}
	}
	return err
}

// summary takes the cause out of the text of an error.
func summary(text, why string) string {
	before, after, found := strings.Cut(text, why+": ")
	if !found {
		return text
	}
	return before + after
}

// oneLine puts the lines of a text behind each other.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// number returns "1 function", "2 functions" and so on.
func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

package tailcall

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Level says how bad a [Finding] is.
type Level uint8

const (
	// Hint is for what may be meant, or costs time only.
	Hint Level = iota
	// Warning is for what falls through, or is refused, in some circumstances
	// that can't be told from the instructions, or for what is of no use.
	Warning
	// Error is for what the kernel refuses, and for what can't be meant: a
	// call that always falls through.
	Error
)

// String returns hint, warning or error.
func (l Level) String() string {
	if int(l) < len(levels) {
		return levels[l]
	}
	return fmt.Sprintf("level %d", l)
}

var levels = [...]string{"hint", "warning", "error"}

// Kind says what a [Finding] is about.
type Kind uint8

// The kinds of findings, and their levels.
const (
	BadSpec       Kind = iota // Error: something is missing or doubled, or an array isn't one
	MissingMap                // Error: a program refers to a map that nobody brings
	EmptySlot                 // Error: a call finds nothing; Warning: it may, its index is bounded; Hint: its index is variable
	OutOfRange                // Error: an index is not below the array's MaxEntries
	Unreachable               // Warning: no call leads to a slot
	Incompatible              // Error: the kernel refuses a program in, or with, its array; Warning: it depends
	TooLong                   // Error: more calls lead to a program than the kernel follows; Warning: on some path; Hint: with variable indices
	Cycle                     // Warning: programs that call each other in a circle; Hint: with variable indices
	StackDepth                // Error: too much stack in use around a call in a subprogram; Warning: for older kernels only
	NoBTF                     // Error: a call in a subprogram of a program without BTF
	UnknownArray              // Warning: a call through an array that isn't the chain's, or can't be told
	VariableIndex             // Hint: a call three times slower than one with a constant index
	LicenseMix                // Hint: programs of which only some are GPL compatible
)

// Finding is something that is wrong with a chain, or might be.
type Finding struct {
	Level       Level
	Kind        Kind
	Array       string // the name of the array; "" if it isn't about one
	Slot        int    // the slot; -1 if it isn't about one
	Program     string // the name of the program; "" if it isn't about one
	Instruction int    // the call, counted as the kernel does; -1 if it isn't about one
	Text        string // what is wrong, and the remedy
}

// String returns the level and the finding, in a line.
func (f *Finding) String() string { return f.Level.String() + ": " + f.Error() }

// Error returns the finding in a line.
func (f *Finding) Error() string {
	var b strings.Builder
	if f.Program != "" {
		fmt.Fprintf(&b, "program %q", f.Program)
		if f.Instruction >= 0 {
			fmt.Fprintf(&b, ", instruction %d", f.Instruction)
		}
	}
	if f.Array != "" {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "array %q", f.Array)
		if f.Slot >= 0 {
			fmt.Fprintf(&b, ", slot %d", f.Slot)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	return b.String() + f.Text
}

// Findings are findings about a chain, the worst first.
type Findings []*Finding

// AtLeast returns the findings of a level and of those above.
func (f Findings) AtLeast(level Level) Findings {
	var part Findings
	for _, g := range f {
		if g.Level >= level {
			part = append(part, g)
		}
	}
	return part
}

// String returns the findings, a line each.
func (f Findings) String() string {
	lines := make([]string, len(f))
	for i, g := range f {
		lines[i] = g.String()
	}
	return strings.Join(lines, "\n")
}

// sort puts the worst first, and then in the order of arrays, slots, programs
// and instructions.
func (f Findings) sort() {
	slices.SortStableFunc(f, func(a, b *Finding) int {
		return cmp.Or(-cmp.Compare(a.Level, b.Level), cmp.Compare(a.Array, b.Array), cmp.Compare(a.Slot, b.Slot),
			cmp.Compare(a.Program, b.Program), cmp.Compare(a.Instruction, b.Instruction), cmp.Compare(a.Kind, b.Kind))
	})
}

// CheckError is returned when a chain has findings that forbid loading it.
type CheckError struct {
	Chain    string   // the name of the chain's array
	Findings Findings // those that forbid it, the worst first
}

func (e *CheckError) Error() string {
	if len(e.Findings) == 1 {
		return fmt.Sprintf("chain %q: %v", e.Chain, e.Findings[0])
	}
	return fmt.Sprintf("chain %q: %d findings:\n%v", e.Chain, len(e.Findings), e.Findings)
}

// Unwrap returns the findings, each of which is an error.
func (e *CheckError) Unwrap() []error {
	errs := make([]error, len(e.Findings))
	for i, f := range e.Findings {
		errs[i] = f
	}
	return errs
}

package structops

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Rule names what a [Finding] is about.
type Rule string

// The rules that [Validate] checks. Those that say so are this package's own:
// the kernel accepts what breaks them.
const (
	RuleSpec        Rule = "spec"         // there is a spec, and it is for this type
	RuleUnknown     Rule = "unknown"      // the type has the member; the kernel never sees others
	RuleKind        Rule = "kind"         // functions are programs and data is data
	RuleUnsupported Rule = "unsupported"  // BPF may implement the member
	RuleMissing     Rule = "missing"      // what the kernel requires is there
	RuleProgram     Rule = "program"      // there is a struct_ops program with instructions
	RuleArity       Rule = "arity"        // the program's BTF has the function's arguments; ours
	RuleReturn      Rule = "return"       // the program's BTF returns what the function does; ours
	RuleReturnUnset Rule = "return-unset" // a value that the kernel uses is set
	RuleLicense     Rule = "license"      // the licence is compatible with the GPL; since 5.13, and in some 5.10
	RuleSleepable   Rule = "sleepable"    // the callback may not sleep; ours
	RuleName        Rule = "name"         // 1 to 15 of A-Z a-z 0-9 _ .
	RuleFlags       Rule = "flags"        // only bits that the kernel knows
	RuleZero        Rule = "zero"         // what the kernel fills in is left to it
	RuleValue       Rule = "value"        // the Go value fits the data member; the kernel never sees others
	RuleHelper      Rule = "helper"       // the helper may be called from the member
	RuleKfunc       Rule = "kfunc"        // the kernel has calls of its functions
	RuleTxStart     Rule = "tx-start"     // events that the kernel no longer delivers aren't waited for; ours
)

// byNumber ends findings that only the kernel's version speaks for.
const byNumber = "; if this is a vendor's kernel that is newer than its number, set Spec.Kernel"

// Finding is one thing that is wrong with a [Spec].
type Finding struct {
	// Member is the member it is about, "" for the spec as a whole.
	Member string
	// Rule is what is broken.
	Rule Rule
	// Detail says what is wrong and what to do.
	Detail string
	// Since is the kernel version from which on it would be right, where that
	// is known.
	Since string
}

// String returns the finding in one line.
func (f Finding) String() string {
	text := f.Detail
	if f.Member != "" {
		text = f.Member + ": " + text
	}
	return fmt.Sprintf("%s [%s]", text, f.Rule)
}

// ValidationError is returned by [Validate] and [Load]. It prints all findings.
type ValidationError struct {
	// Spec is the type and name of what was checked.
	Spec string
	// Kernel is the kernel version it was checked for, "" for the newest.
	Kernel string
	// Findings are sorted by member.
	Findings []Finding
}

func (e *ValidationError) Error() string {
	what := e.Spec
	if e.Kernel != "" {
		what += " on Linux " + e.Kernel
	}
	if len(e.Findings) == 1 {
		return fmt.Sprintf("validate %s: %v", what, e.Findings[0])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "validate %s: %d findings", what, len(e.Findings))
	for _, f := range e.Findings {
		fmt.Fprintf(&b, "\n\t%v", f)
	}
	return b.String()
}

// sortFindings sorts by member, rule and text.
func sortFindings(all []Finding) {
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Member, b.Member), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Detail, b.Detail))
	})
}

package structops

import (
	"fmt"
	"strings"
)

// Need says what the kernel wants of a member.
type Need string

// What the kernel wants of a member.
const (
	Optional    Need = "optional"    // a function or data that may be left out
	Required    Need = "required"    // it must be there
	Either      Need = "either"      // one of those that are marked so must be there
	Unsupported Need = "unsupported" // a function that BPF may not implement
	Zero        Need = "zero"        // data that the kernel fills in
)

// Rules are what BTF doesn't tell of a struct_ops type.
type Rules struct {
	// Type is the name of the type.
	Type string
	// Members are the rules of each member, sorted as in the newest kernel. A
	// member whose rule has changed has one for each range of versions.
	Members []MemberRule
	// Flags are the bits that the data member "flags" may have.
	Flags []FlagRule
}

// MemberRule is what the kernel wants of one member, in a range of versions.
type MemberRule struct {
	// Name is the name of the member.
	Name string
	// Return is the C type that a function returns; of data, its type.
	Return string
	// Args are the C declarations of a function's arguments, nil for data.
	Args []string
	// Need is what the kernel wants.
	Need Need
	// Since is the first kernel version that the rule holds for, Until the first
	// that it no longer holds for. "" is no limit.
	Since, Until string
	// Doc says what the member is for.
	Doc string
}

// FlagRule is a bit of the data member "flags".
type FlagRule struct {
	// Name is its name in the kernel's source.
	Name string
	// Bit is its value.
	Bit uint32
	// Since is the first kernel version that has it.
	Since string
	// Doc says what it does.
	Doc string
}

// rules is what this package knows, by type.
var rules = map[string]*Rules{TCPCongestionOps.Type: TCPCongestionOps}

// RulesFor returns the rules of a type, nil if this package has none: then
// only what BTF tells is checked.
func RulesFor(name string) *Rules { return rules[name] }

// Member returns the rule of a member in a kernel version, such as "6.12"; ""
// is the newest.
func (r *Rules) Member(name, kernel string) (MemberRule, bool) {
	if r == nil {
		return MemberRule{}, false
	}
	for _, m := range r.Members {
		if m.Name == name && atLeast(kernel, m.Since) && (m.Until == "" || !atLeast(kernel, m.Until)) {
			return m, true
		}
	}
	return MemberRule{}, false
}

// lifetime returns when a member came and went, "" for always.
func (r *Rules) lifetime(name string) (since, until string) {
	if r == nil {
		return "", ""
	}
	found := false
	for _, m := range r.Members {
		if m.Name != name {
			continue
		}
		if !found || !atLeast(m.Since, since) {
			since = m.Since
		}
		until = m.Until
		found = true
	}
	return since, until
}

// flagMask returns the bits that a kernel version takes.
func (r *Rules) flagMask(kernel string) uint32 {
	var mask uint32
	for _, f := range r.Flags {
		if atLeast(kernel, f.Since) {
			mask |= f.Bit
		}
	}
	return mask
}

// String returns the rule as C, with a comment.
func (m MemberRule) String() string {
	text := m.Return + " " + m.Name
	if m.Args != nil {
		text = fmt.Sprintf("%s (*%s)(%s)", m.Return, m.Name, strings.Join(m.Args, ", "))
	}
	text += "; // " + string(m.Need)
	if m.Since != "" {
		text += ", since " + m.Since
	}
	if m.Until != "" {
		text += ", until " + m.Until
	}
	return text + ": " + m.Doc
}

// atLeast reports whether a kernel version, "" for the newest, is not older
// than another, "" for the oldest.
func atLeast(kernel, since string) bool {
	if kernel == "" || since == "" {
		return true
	}
	var major, minor, sinceMajor, sinceMinor int
	if _, err := fmt.Sscanf(kernel, "%d.%d", &major, &minor); err != nil {
		return true
	}
	if _, err := fmt.Sscanf(since, "%d.%d", &sinceMajor, &sinceMinor); err != nil {
		return true
	}
	return major > sinceMajor || major == sinceMajor && minor >= sinceMinor
}

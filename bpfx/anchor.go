package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// Anchor is a place among the programs that are attached to the same [TCX] or
// [Netkit] hook, which run in order. The zero value is [Tail].
type Anchor struct {
	at         anchorAt
	program    *ebpf.Program
	attachment *Attachment
}

type anchorAt int

const (
	anchorTail anchorAt = iota
	anchorHead
	anchorBefore
	anchorAfter
	anchorReplace
)

// Tail is the place after all programs.
func Tail() Anchor { return Anchor{} }

// Head is the place before all programs.
func Head() Anchor { return Anchor{at: anchorHead} }

// Before is the place right before an attachment to the same hook, which must
// be open when the Anchor is used.
func Before(a *Attachment) Anchor { return Anchor{at: anchorBefore, attachment: a} }

// After is the place right after an attachment to the same hook, which must be
// open when the Anchor is used.
func After(a *Attachment) Anchor { return Anchor{at: anchorAfter, attachment: a} }

// BeforeProgram is the place right before a program that is attached to the
// same hook without a link, as other tools do.
func BeforeProgram(p *ebpf.Program) Anchor { return Anchor{at: anchorBefore, program: p} }

// AfterProgram is the place right after a program that is attached to the same
// hook without a link, as other tools do.
func AfterProgram(p *ebpf.Program) Anchor { return Anchor{at: anchorAfter, program: p} }

// ReplaceProgram is the place of a program that is attached to the same hook
// without a link, as other tools do; it is detached. The kernel has no link for
// what takes its place, so that can't be pinned, stays attached if the process
// is killed, and holds the network namespace until Close. What this package
// attached is replaced by [Attachment.Update].
func ReplaceProgram(p *ebpf.Program) Anchor { return Anchor{at: anchorReplace, program: p} }

// String returns the place, as in: before tcx/ingress "eth0".
func (a Anchor) String() string {
	target := "attachment"
	switch {
	case a.program != nil:
		target = "program " + programName(a.program)
	case a.attachment != nil:
		target = a.attachment.String()
	}
	switch a.at {
	case anchorHead:
		return "head"
	case anchorBefore:
		return "before " + target
	case anchorAfter:
		return "after " + target
	case anchorReplace:
		return "in place of " + target
	}
	return "tail"
}

// anchored returns what an interface's hook prints: its kind, the interface
// and, unless it is the tail, the anchor.
func anchored(kind, name string, index int, a Anchor) string {
	s := fmt.Sprintf("%s %q", kind, name)
	if name == "" {
		s = fmt.Sprintf("%s interface %d", kind, index)
	}
	if a != Tail() {
		s = fmt.Sprintf("%s (%v)", s, a)
	}
	return s
}

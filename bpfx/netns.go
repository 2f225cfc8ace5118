package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Netns names a network namespace. The zero value is that of the calling
// thread.
type Netns struct {
	// Path is a file such as /run/netns/blue or /proc/123/ns/net.
	Path string
	// FD is an open descriptor of such a file, which stays the caller's.
	// Descriptor 0 can't be given.
	FD int
}

// String returns the path or the descriptor, or "current".
func (n Netns) String() string {
	switch {
	case n.Path != "":
		return fmt.Sprintf("%q", n.Path)
	case n.FD != 0:
		return fmt.Sprintf("fd %d", n.FD)
	}
	return "current"
}

// SkLookup runs a program when the kernel looks for the socket of a packet
// that arrives in a network namespace: it may choose another one, or drop the
// packet. Up to 64 programs can be attached to a namespace; they run in the
// order of attaching (Documentation/bpf/prog_sk_lookup.rst).
//
// One more returns an error wrapping E2BIG. The attachment ends with the
// namespace. Requires Linux 5.9.
type SkLookup struct {
	Netns Netns // zero: that of the calling thread
}

// String returns the network namespace.
func (h SkLookup) String() string { return fmt.Sprintf("sk_lookup netns %v", h.Netns) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h SkLookup) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.SkLookup, AttachType: ebpf.AttachSkLookup, Instructions: insns, License: "GPL"}
}

// FlowDissector runs a program in place of the kernel's own flow dissector for
// the packets of a network namespace (Documentation/bpf/prog_flow_dissector.rst).
// A namespace has room for one; one in the initial namespace rules all others
// out, and the other way round.
//
// Attaching a second one returns an error wrapping E2BIG or EEXIST. The
// attachment ends with the namespace. Requires Linux 5.7.
type FlowDissector struct {
	Netns Netns // zero: that of the calling thread
}

// String returns the network namespace.
func (h FlowDissector) String() string { return fmt.Sprintf("flow_dissector netns %v", h.Netns) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h FlowDissector) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.FlowDissector, AttachType: ebpf.AttachFlowDissector, Instructions: insns, License: "GPL"}
}

package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// NetkitSide is a device of a netkit pair.
type NetkitSide int

const (
	// NetkitPrimary is for packets that the primary device sends.
	NetkitPrimary NetkitSide = iota
	// NetkitPeer is for packets that its peer sends, which may be in another
	// network namespace.
	NetkitPeer
)

func (s NetkitSide) String() string {
	switch s {
	case NetkitPrimary:
		return "primary"
	case NetkitPeer:
		return "peer"
	}
	return fmt.Sprintf("NetkitSide(%d)", int(s))
}

// attachType returns the kernel's name for s.
func (s NetkitSide) attachType() (ebpf.AttachType, bool) {
	switch s {
	case NetkitPrimary:
		return ebpf.AttachNetkitPrimary, true
	case NetkitPeer:
		return ebpf.AttachNetkitPeer, true
	}
	return 0, false
}

// Netkit runs a program on each packet that a device of a netkit pair sends.
// Programs are attached to the primary device for both of them. They run in
// order, up to 63 for each side, and the next one does if the program returns
// NETKIT_NEXT, -1.
//
// A program that is attached there already gives an error wrapping EEXIST, an
// interface that doesn't exist ENODEV, one that isn't the primary device of a
// netkit pair ENXIO or EACCES. Requires Linux 6.7 and CONFIG_NETKIT.
type Netkit struct {
	// Interface names the primary device, in the network namespace of the
	// calling thread. Either it or Index must be set.
	Interface string
	// Index is the index of the primary device.
	Index int
	// Side is [NetkitPrimary] by default.
	Side NetkitSide
	// Anchor is the place among the other programs: [Tail] by default.
	Anchor Anchor
}

// String returns the side, the interface and, unless it is [Tail], the anchor.
func (h Netkit) String() string {
	return anchored(fmt.Sprintf("netkit/%v", h.Side), h.Interface, h.Index, h.Anchor)
}

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h Netkit) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	typ, _ := h.Side.attachType() // an unknown side is refused by Attach
	return &ebpf.ProgramSpec{Type: ebpf.SchedCLS, AttachType: typ, Instructions: insns, License: "GPL"}
}

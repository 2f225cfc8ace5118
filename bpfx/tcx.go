package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// TCXDirection says which packets a [TCX] program sees.
type TCXDirection int

const (
	// TCXIngress is for packets that the interface received.
	TCXIngress TCXDirection = iota
	// TCXEgress is for packets that it is about to send.
	TCXEgress
)

func (d TCXDirection) String() string {
	switch d {
	case TCXIngress:
		return "ingress"
	case TCXEgress:
		return "egress"
	}
	return fmt.Sprintf("TCXDirection(%d)", int(d))
}

// attachType returns the kernel's name for d.
func (d TCXDirection) attachType() (ebpf.AttachType, bool) {
	switch d {
	case TCXIngress:
		return ebpf.AttachTCXIngress, true
	case TCXEgress:
		return ebpf.AttachTCXEgress, true
	}
	return 0, false
}

// TCX (traffic control express) runs a program on each packet that an
// interface receives or sends, in the place of the classifiers of tc. An
// interface takes up to 63 programs in each direction; they run in order, and
// the next one does if the program returns TCX_NEXT, -1.
//
// A program that is attached there already gives an error wrapping EEXIST, an
// interface that doesn't exist ENODEV. Requires Linux 6.6 and
// CONFIG_NET_XGRESS.
type TCX struct {
	// Interface names the interface, in the network namespace of the calling
	// thread. Either it or Index must be set.
	Interface string
	// Index is the index of the interface.
	Index int
	// Direction is [TCXIngress] by default.
	Direction TCXDirection
	// Anchor is the place among the other programs: [Tail] by default.
	Anchor Anchor
}

// String returns the direction, the interface and, unless it is [Tail], the
// anchor.
func (h TCX) String() string {
	return anchored(fmt.Sprintf("tcx/%v", h.Direction), h.Interface, h.Index, h.Anchor)
}

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h TCX) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	typ, _ := h.Direction.attachType() // an unknown direction is refused by Attach
	return &ebpf.ProgramSpec{Type: ebpf.SchedCLS, AttachType: typ, Instructions: insns, License: "GPL"}
}

package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// XDPMode says where on the receive path of an interface an [XDP] program runs.
type XDPMode int

const (
	// XDPAuto runs the program in the driver if it can, and in the generic
	// hook otherwise.
	XDPAuto XDPMode = iota
	// XDPGeneric runs it in the network stack, after the socket buffer was
	// allocated. Every interface can do that.
	XDPGeneric
	// XDPDriver runs it in the driver. Fails if the driver can't.
	XDPDriver
	// XDPOffload runs it on the network card. The program must have been
	// loaded for that interface: ebpf.ProgramSpec.Ifindex.
	XDPOffload
)

func (m XDPMode) String() string {
	switch m {
	case XDPAuto:
		return "auto"
	case XDPGeneric:
		return "generic"
	case XDPDriver:
		return "driver"
	case XDPOffload:
		return "offload"
	}
	return fmt.Sprintf("XDPMode(%d)", int(m))
}

// XDP (eXpress Data Path) runs a program on each packet that a network
// interface receives, before the network stack sees it. One program at a time
// can be attached to an interface; it can be replaced by [Attachment.Update].
//
// Attaching to an interface that has a program returns an error wrapping
// EBUSY, one that doesn't exist ENODEV. Requires Linux 5.9.
type XDP struct {
	// Interface names the interface, in the network namespace of the calling
	// thread. Either it or Index must be set.
	Interface string
	// Index is the index of the interface.
	Index int
	// Mode is [XDPAuto] by default.
	Mode XDPMode
}

// String returns the interface and, unless it is [XDPAuto], the mode.
func (h XDP) String() string {
	s := fmt.Sprintf("xdp %q", h.Interface)
	if h.Interface == "" {
		s = fmt.Sprintf("xdp interface %d", h.Index)
	}
	if h.Mode != XDPAuto {
		s += " (" + h.Mode.String() + ")"
	}
	return s
}

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h XDP) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.XDP, AttachType: ebpf.AttachXDP, Instructions: insns, License: "GPL"}
}

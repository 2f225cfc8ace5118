package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// NetfilterHook is a place on the way of a packet through the network stack.
type NetfilterHook int

const (
	// NetfilterPreRouting is for all packets that arrive, before routing.
	NetfilterPreRouting NetfilterHook = iota
	// NetfilterLocalIn is for packets to this host.
	NetfilterLocalIn
	// NetfilterForward is for packets that pass through.
	NetfilterForward
	// NetfilterLocalOut is for packets from this host.
	NetfilterLocalOut
	// NetfilterPostRouting is for all packets that leave, after routing.
	NetfilterPostRouting
)

var netfilterHooks = [...]string{"pre_routing", "local_in", "forward", "local_out", "post_routing"}

func (h NetfilterHook) String() string {
	if h < 0 || int(h) >= len(netfilterHooks) {
		return fmt.Sprintf("NetfilterHook(%d)", int(h))
	}
	return netfilterHooks[h]
}

// NetfilterFamily is a protocol family.
type NetfilterFamily int

const (
	// NetfilterIPv4 is for IPv4 packets.
	NetfilterIPv4 NetfilterFamily = iota
	// NetfilterIPv6 is for IPv6 packets.
	NetfilterIPv6
)

func (f NetfilterFamily) String() string {
	switch f {
	case NetfilterIPv4:
		return "ipv4"
	case NetfilterIPv6:
		return "ipv6"
	}
	return fmt.Sprintf("NetfilterFamily(%d)", int(f))
}

// Netfilter runs a program on packets at one of netfilter's hooks, in the
// network namespace of the calling thread. It returns NF_DROP, 0, or NF_ACCEPT,
// 1. Programs and the kernel's own filters run in the order of their
// priorities.
//
// A priority that another BPF program has there gives an error wrapping EBUSY,
// one that can't be had ERANGE. The attachment ends with the namespace. Requires Linux 6.4 and
// CONFIG_NETFILTER_BPF_LINK.
type Netfilter struct {
	// Family is [NetfilterIPv4] by default.
	Family NetfilterFamily
	// Hook is [NetfilterPreRouting] by default.
	Hook NetfilterHook
	// Priority is the place among the others, lowest first. The kernel keeps
	// [math.MinInt32] and [math.MaxInt32] for itself.
	Priority int32
	// Defrag has the kernel put fragments together before the program sees
	// them; then Priority must be above -400. Requires Linux 6.6.
	Defrag bool
}

// String returns family, hook and priority.
func (h Netfilter) String() string {
	s := fmt.Sprintf("netfilter %v/%v priority %d", h.Family, h.Hook, h.Priority)
	if h.Defrag {
		s += " defrag"
	}
	return s
}

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h Netfilter) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.Netfilter, AttachType: ebpf.AttachNetfilter, Instructions: insns, License: "GPL"}
}

package bpfx

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Attach attaches p, which must be of type [ebpf.Netfilter]. See [Attach].
func (h Netfilter) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.Netfilter); err != nil {
		return nil, err
	}
	families := [...]link.NetfilterProtocolFamily{
		NetfilterIPv4: link.NetfilterProtoIPv4,
		NetfilterIPv6: link.NetfilterProtoIPv6,
	}
	if h.Family < 0 || int(h.Family) >= len(families) {
		return nil, fmt.Errorf("unknown family %v", h.Family)
	}
	if h.Hook < 0 || int(h.Hook) >= len(netfilterHooks) {
		return nil, fmt.Errorf("unknown hook %v", h.Hook)
	}
	var flags link.NetfilterAttachFlags
	if h.Defrag {
		flags = 1 // BPF_F_NETFILTER_IP_DEFRAG; cilium/ebpf has it as 0
	}
	l, err := link.AttachNetfilter(link.NetfilterOptions{
		Program:        p,
		ProtocolFamily: families[h.Family],
		Hook:           link.NetfilterInetHook(h.Hook), // NF_INET_PRE_ROUTING is 0
		Priority:       h.Priority,
		NetfilterFlags: flags,
	})
	switch {
	case errors.Is(err, unix.EBUSY):
		err = fmt.Errorf("a BPF program has that priority there already: %w", err)
	case errors.Is(err, unix.ENOENT) && h.Defrag:
		err = fmt.Errorf("Defrag takes a kernel module that isn't there (nf_defrag_%v): %w", h.Family, err)
	case errors.Is(err, unix.ERANGE) && h.Defrag && h.Priority <= -400:
		err = fmt.Errorf("Defrag happens at priority -400: set Priority above that: %w", err)
	case errors.Is(err, unix.ERANGE):
		err = fmt.Errorf("the kernel keeps the first and the last priority for itself: %w", err)
	}
	return newAttachment(l, err)
}

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
	case errors.Is(err, unix.EBUSY): // net/netfilter/core.c, nf_hook_entries_grow
		err = because(err, finding{why: "a BPF program has that priority there already", remedy: "choose another Priority"})
	case errors.Is(err, unix.ENOENT) && h.Defrag:
		err = because(err, finding{
			why:    fmt.Sprintf("Defrag takes a kernel module that isn't there (nf_defrag_%v)", h.Family),
			remedy: "install the kernel's module, or leave Defrag out",
		})
	case errors.Is(err, unix.ERANGE) && h.Defrag && h.Priority <= -400:
		err = because(err, finding{why: "Defrag happens at priority -400", remedy: "set Priority above that"})
	case errors.Is(err, unix.ERANGE):
		err = because(err, finding{why: "the kernel keeps the first and the last priority for itself", remedy: "choose another Priority"})
	}
	return newAttachment(l, err)
}

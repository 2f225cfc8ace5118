package bpfx

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Attach attaches p, which must be of type [ebpf.SchedCLS]. See [Attach].
func (h Netkit) Attach(p *ebpf.Program) (*Attachment, error) {
	typ, ok := h.Side.attachType()
	if !ok {
		return nil, fmt.Errorf("unknown side %v", h.Side)
	}
	return h.Anchor.attachAt(p, h.Interface, h.Index, typ, func(ifindex int, at link.Anchor) (link.Link, error) {
		l, err := link.AttachNetkit(link.NetkitOptions{Interface: ifindex, Program: p, Attach: typ, Anchor: at})
		switch { // drivers/net/netkit.c, netkit_dev_fetch
		case errors.Is(err, unix.ENXIO):
			err = because(err, finding{why: "the interface isn't a netkit device", remedy: "make one: ip link add type netkit"})
		case errors.Is(err, unix.EACCES):
			err = because(err, finding{why: "the interface isn't the primary device of its pair", remedy: "attach to the other one, with Side NetkitPeer"})
		}
		return l, err
	})
}

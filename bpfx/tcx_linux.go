package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Attach attaches p, which must be of type [ebpf.SchedCLS]. See [Attach].
func (h TCX) Attach(p *ebpf.Program) (*Attachment, error) {
	typ, ok := h.Direction.attachType()
	if !ok {
		return nil, fmt.Errorf("unknown direction %v", h.Direction)
	}
	return h.Anchor.attachAt(p, h.Interface, h.Index, typ, func(ifindex int, at link.Anchor) (link.Link, error) {
		return link.AttachTCX(link.TCXOptions{Interface: ifindex, Program: p, Attach: typ, Anchor: at})
	})
}

package bpfx

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Attach attaches p, which must be of type [ebpf.TracePoint]. See [Attach].
func (h Tracepoint) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.TracePoint); err != nil {
		return nil, err
	}
	l, err := link.Tracepoint(h.Group, h.Name, p, &link.TracepointOptions{Cookie: h.Cookie})
	if err != nil {
		return nil, later(err, func() *finding { return thisMachine.tracepointFailed(h.Group, h.Name, err) })
	}
	return NewAttachment(l), nil
}

package bpfx

import (
	"errors"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Attach attaches p, which must be of type [ebpf.RawTracepoint] or
// [ebpf.RawTracepointWritable]. See [Attach].
func (h RawTracepoint) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.RawTracepoint, ebpf.RawTracepointWritable); err != nil {
		return nil, err
	}
	if h.Name == "" {
		return nil, errors.New("no tracepoint: set Name")
	}
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: h.Name, Program: p})
	if err != nil {
		return nil, later(err, func() *finding { return thisMachine.rawTracepointFailed(h.Name, err) })
	}
	return NewAttachment(l), nil
}

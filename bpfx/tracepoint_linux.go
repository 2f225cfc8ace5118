package bpfx

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Attach attaches p, which must be of type [ebpf.TracePoint]. See [Attach].
func (h Tracepoint) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.TracePoint); err != nil {
		return nil, err
	}
	l, err := link.Tracepoint(h.Group, h.Name, p, &link.TracepointOptions{Cookie: h.Cookie})
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("no such tracepoint (see /sys/kernel/tracing/available_events): %w", err)
	}
	return newAttachment(l, err)
}

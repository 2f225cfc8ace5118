package bpfx

import (
	"errors"
	"fmt"
	"os"

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
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("no such tracepoint (its name goes without the group): %w", err)
	}
	return newAttachment(l, err)
}

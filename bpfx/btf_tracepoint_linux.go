package bpfx

import "github.com/cilium/ebpf"

// Attach attaches p, which must be of type [ebpf.Tracing] and loaded for
// tp_btf. See [Attach].
func (h BTFTracepoint) Attach(p *ebpf.Program) (*Attachment, error) {
	return attachTracing(p, ebpf.AttachTraceRawTp, h.Name, h.Cookie)
}

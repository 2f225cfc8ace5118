package bpfx

import "github.com/cilium/ebpf"

// Attach attaches p, which must be of type [ebpf.Tracing] and loaded for
// fmod_ret. See [Attach].
func (h FmodRet) Attach(p *ebpf.Program) (*Attachment, error) {
	return attachTracing(p, ebpf.AttachModifyReturn, h.Func, h.Cookie)
}

package bpfx

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Attach attaches p, which must be of type [ebpf.LSM]. See [Attach].
func (h LSM) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.LSM); err != nil {
		return nil, err
	}
	if err := checkLSM(); err != nil {
		return nil, err
	}
	// The kernel calls a function of this name for the hook, and nothing else.
	fn := ""
	if h.Hook != "" {
		fn = "bpf_lsm_" + h.Hook
	}
	l, err := link.AttachLSM(link.LSMOptions{Program: p, Cookie: h.Cookie})
	return tracingAttachment(l, err, ebpf.AttachLSMMac, fn)
}

// checkLSM returns an error if the kernel never calls the BPF programs of its
// security hooks. It returns nil if securityfs isn't there to tell.
func checkLSM() error {
	f := thisMachine.noBPFLSM()
	if f == nil {
		return nil
	}
	f.why += ", so it would never run the program"
	return because(ebpf.ErrNotSupported, *f)
}

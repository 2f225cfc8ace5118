package bpfx

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Attach attaches p, which must be of type [ebpf.Extension]. See [Attach].
func (h Freplace) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.Extension); err != nil {
		return nil, err
	}
	fn := ""
	if h.Target != nil {
		if err := checkProgram(h.Target); err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
		if fn = h.Func; fn == "" { // it goes with a target only
			return nil, errors.New("no function to replace: set Func")
		}
	}
	l, err := link.AttachFreplace(h.Target, fn, p)
	switch {
	case errors.Is(err, btf.ErrNotFound):
		err = because(err, finding{
			why:    fmt.Sprintf("program %s has no function %q", programName(h.Target), fn),
			remedy: "name a function that is global and not inlined: bpftool prog dump xlated id ID lists them",
		})
	case errors.Is(err, unix.EBUSY):
		err = because(err, finding{why: "the function has been replaced already", remedy: "close the attachment that replaced it"})
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL) && h.Target == nil:
		err = because(err, finding{why: "it was attached before", remedy: "set Target and Func to attach it again"})
	}
	return newAttachment(l, err)
}

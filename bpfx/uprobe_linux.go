package bpfx

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Attach attaches p, which must be of type [ebpf.Kprobe]. See [Attach].
func (h Uprobe) Attach(p *ebpf.Program) (*Attachment, error) {
	return h.attach(p, (*link.Executable).Uprobe)
}

// Attach attaches p, which must be of type [ebpf.Kprobe]. See [Attach].
func (h Uretprobe) Attach(p *ebpf.Program) (*Attachment, error) {
	return Uprobe(h).attach(p, (*link.Executable).Uretprobe)
}

type uprobeFunc func(*link.Executable, string, *ebpf.Program, *link.UprobeOptions) (link.Link, error)

func (h Uprobe) attach(p *ebpf.Program, probe uprobeFunc) (*Attachment, error) {
	if err := checkProgram(p, ebpf.Kprobe); err != nil {
		return nil, err
	}
	if h.PID < 0 {
		return nil, fmt.Errorf("PID %d is negative; 0 means all processes", h.PID)
	}
	exe, err := link.OpenExecutable(h.Path)
	if err != nil {
		return nil, err
	}
	l, err := probe(exe, h.Symbol, p, &link.UprobeOptions{
		Address:      h.Address,
		Offset:       h.Offset,
		PID:          h.PID,
		RefCtrOffset: h.RefCtrOffset,
		Cookie:       h.Cookie,
	})
	return newAttachment(l, uprobeError(err, h.PID))
}

// uprobeError adds to err what it means for a probe of a user program.
func uprobeError(err error, pid int) error {
	switch {
	case errors.Is(err, link.ErrNoSymbol):
		return fmt.Errorf("the file has no such function (see its symbols with nm, or give an address): %w", err)
	case errors.Is(err, unix.ESRCH), pid != 0 && errors.Is(err, os.ErrNotExist):
		// cilium/ebpf says os.ErrNotExist for a uprobe.multi.
		return fmt.Errorf("no process %d: %w", pid, err)
	}
	return err
}

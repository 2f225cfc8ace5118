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
	if err := checkFile(h.Path); err != nil {
		return nil, err
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
	return newAttachment(l, h.failed(err))
}

// failed returns err of attaching with its cause. It wraps ErrNotSupported if
// the kernel has no uprobes.
func (h Uprobe) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, link.ErrNoSymbol):
		return later(err, func() *finding { return noSymbol(h.Path, h.Symbol) })
	case thisMachine.noProbes("uprobe"):
		return later(fmt.Errorf("%w: %w", ebpf.ErrNotSupported, err), func() *finding {
			return thisMachine.withoutProbes("uprobe")
		})
	case (errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrNotExist)) && h.PID != 0 && !processExists(h.PID):
		// cilium/ebpf says ErrNotExist of a uprobe.multi.
		return because(err, finding{
			why:      fmt.Sprintf("no process %d", h.PID),
			evidence: []string{"kill(2) with signal 0: no such process"},
			remedy:   "set PID to a process of this PID namespace that is alive, or to 0 for all",
		})
	}
	return err
}

// processExists reports whether there is a process, as this process sees them.
func processExists(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

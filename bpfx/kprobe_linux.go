package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Attach attaches p, which must be of type [ebpf.Kprobe]. See [Attach].
func (h Kprobe) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.Kprobe); err != nil {
		return nil, err
	}
	l, err := link.Kprobe(h.Symbol, p, &link.KprobeOptions{Offset: h.Offset, Cookie: h.Cookie})
	return newAttachment(l, kprobeError(h.Symbol, h.Offset, err))
}

// Attach attaches p, which must be of type [ebpf.Kprobe]. See [Attach].
func (h Kretprobe) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.Kprobe); err != nil {
		return nil, err
	}
	if h.MaxActive < 0 {
		return nil, fmt.Errorf("MaxActive %d is negative", h.MaxActive)
	}
	if h.MaxActive != 0 {
		if err := haveDescriptors(3); err != nil {
			return nil, err
		}
	}
	l, err := link.Kretprobe(h.Symbol, p, &link.KprobeOptions{RetprobeMaxActive: h.MaxActive, Cookie: h.Cookie})
	if err != nil {
		return nil, kprobeError(h.Symbol, 0, err)
	}
	a := NewAttachment(l)
	if h.MaxActive != 0 {
		a.noPin = fmt.Errorf("MaxActive takes an event in tracefs, which could not be removed any more: %w", ebpf.ErrNotSupported)
	}
	return a, nil
}

// haveDescriptors returns an error unless n more files can be opened: if
// cilium/ebpf runs out of descriptors while it makes an event in tracefs, it
// can't remove it either.
func haveDescriptors(n int) error {
	for range n {
		fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("make an event in tracefs: %w", err)
		}
		defer unix.Close(fd) // all at the end
	}
	return nil
}

// kprobeError returns err of a probe at symbol+offset with its cause. It wraps
// ErrNotSupported if the kernel has no kprobes.
func kprobeError(symbol string, offset uint64, err error) error {
	switch {
	case err == nil:
		return nil
	case thisMachine.noProbes("kprobe"):
		return later(fmt.Errorf("%w: %w", ebpf.ErrNotSupported, err), func() *finding {
			return thisMachine.withoutProbes("kprobe")
		})
	}
	return later(err, func() *finding { return thisMachine.kprobeFailed(symbol, offset, err) })
}

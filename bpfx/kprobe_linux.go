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
func (h Kprobe) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.Kprobe); err != nil {
		return nil, err
	}
	l, err := link.Kprobe(h.Symbol, p, &link.KprobeOptions{Offset: h.Offset, Cookie: h.Cookie})
	return newAttachment(l, kprobeError(err))
}

// Attach attaches p, which must be of type [ebpf.Kprobe]. See [Attach].
func (h Kretprobe) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.Kprobe); err != nil {
		return nil, err
	}
	if h.MaxActive < 0 {
		return nil, fmt.Errorf("MaxActive %d is negative", h.MaxActive)
	}
	l, err := link.Kretprobe(h.Symbol, p, &link.KprobeOptions{RetprobeMaxActive: h.MaxActive, Cookie: h.Cookie})
	return newAttachment(l, kprobeError(err))
}

// kprobeError adds to err what its errno means for a probe of the kernel.
func kprobeError(err error) error {
	switch {
	case err == nil:
		return nil
	case !haveKprobes():
		return fmt.Errorf("this kernel was built without kprobes (CONFIG_KPROBES): %w: %w", ebpf.ErrNotSupported, err)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("no such function, or none that can be probed (see /proc/kallsyms): %w", err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("several functions have that name: %w", err)
	}
	return err
}

// haveKprobes reports whether the kernel has kprobes in either of the two
// places where it shows them.
func haveKprobes() bool {
	for _, path := range []string{
		"/sys/bus/event_source/devices/kprobe",
		"/sys/kernel/tracing/kprobe_events",
		"/sys/kernel/debug/tracing/kprobe_events",
	} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

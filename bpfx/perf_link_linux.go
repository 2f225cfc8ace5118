package bpfx

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/scope"
)

// perfLink is the kernel's link of a program and a perf event.
type perfLink struct{ *link.RawLink }

// Update returns an error: the kernel can't do it, and says just EINVAL.
func (perfLink) Update(*ebpf.Program) error {
	return fmt.Errorf("update perf event: %w", ebpf.ErrNotSupported)
}

// attachPerfEvent opens an event and attaches p to it. thread and cpu may be
// -1 for any, but not both.
func attachPerfEvent(p *ebpf.Program, attr *unix.PerfEventAttr, thread, cpu int) (*Attachment, error) {
	fd, err := unix.PerfEventOpen(attr, thread, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("perf_event_open", err)
	}
	event := os.NewFile(uintptr(fd), "perf event")
	l, err := link.AttachRawLink(link.RawLinkOptions{Target: fd, Program: p, Attach: ebpf.AttachPerfEvent})
	if err == nil {
		// The link keeps the event (kernel/bpf/syscall.c, bpf_perf_link_attach).
		_ = event.Close() // nothing was written to it
		return NewAttachment(perfLink{l}), nil
	}
	// Before Linux 5.15 there is no link for perf events.
	if errors.Is(err, unix.EINVAL) {
		err = os.NewSyscallError("PERF_EVENT_IOC_SET_BPF", unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, p.FD()))
	}
	if err != nil {
		return nil, scope.Join(err, event.Close())
	}
	return AttachmentFunc(event.Close), nil
}

// closeAll closes attachments, newest first.
func closeAll(attachments []*Attachment) error {
	var errs []error
	for _, a := range slices.Backward(attachments) {
		errs = append(errs, a.Close())
	}
	return scope.Join(errs...)
}

// openError adds to err, of opening an event on a CPU, what it means
// (kernel/events/core.c, perf_event_open).
func (h PerfEvent) openError(err error, cpu int) error {
	cpus, listErr := onlineCPUs()
	switch {
	case cpu >= 0 && listErr == nil && !slices.Contains(cpus, cpu):
		return fmt.Errorf("CPU %d is not online (those that are: %v): %w", cpu, cpus, err)
	case errors.Is(err, unix.ESRCH):
		return fmt.Errorf("no process %d: %w", h.PID, err)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENODEV):
		return fmt.Errorf("this machine has no such counter (virtual machines often lack those of the hardware; PerfCPUClock is always there): %w: %w",
			ebpf.ErrNotSupported, err)
	}
	if limit, ok := maxSampleRate(); ok && errors.Is(err, unix.EINVAL) && h.Frequency > limit {
		return fmt.Errorf("Frequency %d is above kernel.perf_event_max_sample_rate, %d: %w", h.Frequency, limit, err)
	}
	return err
}

// maxSampleRate returns the highest frequency that the kernel samples at, in
// Hz. It lowers it when sampling takes too long.
func maxSampleRate() (uint64, bool) {
	text, err := os.ReadFile("/proc/sys/kernel/perf_event_max_sample_rate")
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

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

// openError returns err, of opening an event on a CPU, with its cause
// (kernel/events/core.c, perf_event_open).
func (h PerfEvent) openError(err error, cpu int) error {
	cpus, listErr := onlineCPUs()
	limit, limited := maxSampleRate()
	switch {
	case cpu >= 0 && listErr == nil && !slices.Contains(cpus, cpu):
		return because(err, finding{
			why:      fmt.Sprintf("CPU %d is not online", cpu),
			evidence: []string{fmt.Sprintf("%s: %v", onlineFile, cpus)},
			remedy:   "leave it out of CPUs",
		})
	case errors.Is(err, unix.ESRCH):
		return because(err, finding{why: fmt.Sprintf("no process %d", h.PID), remedy: "set PID to a process that is alive, or to 0 for all"})
	case errorsIsAny(err, unix.ENOENT, unix.EOPNOTSUPP, unix.ENODEV):
		return because(fmt.Errorf("%w: %w", ebpf.ErrNotSupported, err), finding{
			why:    "this machine has no such counter",
			remedy: "use PerfCPUClock: virtual machines often lack the counters of the hardware",
		})
	case limited && errors.Is(err, unix.EINVAL) && h.Frequency > limit:
		return because(err, finding{
			why:      fmt.Sprintf("Frequency %d is above the kernel's limit", h.Frequency),
			evidence: []string{fmt.Sprintf("%s: %d", sampleRateFile, limit)},
			remedy:   "lower it, or raise kernel.perf_event_max_sample_rate",
		})
	}
	return err
}

// sampleRateFile has the highest frequency that the kernel samples at, in Hz.
// It lowers it when sampling takes too long.
const sampleRateFile = "/proc/sys/kernel/perf_event_max_sample_rate"

func maxSampleRate() (uint64, bool) {
	text, ok := thisMachine.read(sampleRateFile)
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	return n, ok && err == nil
}

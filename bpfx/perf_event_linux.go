package bpfx

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/scope"
)

// Attach attaches p, which must be of type [ebpf.PerfEvent]. See [Attach].
func (h PerfEvent) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.PerfEvent); err != nil {
		return nil, err
	}
	attr, err := h.attr()
	if err != nil {
		return nil, err
	}
	threads, cpus, err := h.targets()
	if err != nil {
		return nil, err
	}
	var parts []*Attachment
	for try := 1; ; try++ {
		if parts, err = h.attachAll(p, attr, threads, cpus); err != nil {
			return nil, err
		}
		if h.PID == 0 || try == maxTries {
			break
		}
		// A thread inherits the event of the one that starts it, so one is
		// missed if it was started after they were listed by one whose event
		// wasn't open yet. Those that did inherit can't be told from it.
		now, err := threadsOf(h.PID)
		if err != nil || slices.Equal(now, threads) {
			break // if the process has ended, there is nothing to miss
		}
		if err := closeAll(parts); err != nil {
			return nil, err
		}
		threads = now
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return AttachmentFunc(func() error { return closeAll(parts) }), nil
}

// maxTries is how often the threads of a process are listed that starts and
// ends some all the time.
const maxTries = 10

// attachAll attaches p to an event for each pair of threads and CPUs, at least
// one, or to none.
func (h PerfEvent) attachAll(p *ebpf.Program, attr *unix.PerfEventAttr, threads, cpus []int) (parts []*Attachment, err error) {
	for _, thread := range threads {
		for _, cpu := range cpus {
			one, err := attachPerfEvent(p, attr, thread, cpu)
			if errors.Is(err, unix.ESRCH) && len(threads) > 1 {
				continue // a thread that ended meanwhile
			}
			if err != nil {
				return nil, scope.Join(h.openError(err, cpu), closeAll(parts))
			}
			parts = append(parts, one)
		}
	}
	if len(parts) == 0 {
		return nil, h.openError(unix.ESRCH, -1)
	}
	return parts, nil
}

// attr returns the kernel's description of the event.
func (h PerfEvent) attr() (*unix.PerfEventAttr, error) {
	raw := h.Raw
	switch {
	case h.Counter < 0 || int(h.Counter) >= len(perfCounters):
		return nil, fmt.Errorf("unknown counter %v", h.Counter)
	case raw != nil && h.Counter != 0:
		return nil, errors.New("two counters: set Counter or Raw")
	case h.Period != 0 && h.Frequency != 0:
		return nil, errors.New("two rates: set Period or Frequency")
	case raw == nil:
		raw = &perfCounters[h.Counter].raw
	}
	attr := &unix.PerfEventAttr{
		Type:   raw.Type,
		Size:   uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Config: raw.Config,
		Sample: h.Period, // a union of period and frequency
	}
	if h.Period == 0 {
		attr.Bits = unix.PerfBitFreq
		attr.Sample = h.Frequency
		if h.Frequency == 0 {
			attr.Sample = defaultFrequency
		}
	}
	if h.PID != 0 {
		attr.Bits |= unix.PerfBitInherit
	}
	return attr, nil
}

// targets returns the threads and CPUs to open an event for, in each pair of
// them; -1 means any.
func (h PerfEvent) targets() (threads, cpus []int, err error) {
	if h.PID < 0 {
		return nil, nil, fmt.Errorf("PID %d is negative; 0 means all processes", h.PID)
	}
	for _, cpu := range h.CPUs {
		if cpu < 0 {
			return nil, nil, fmt.Errorf("CPU %d is negative; none in CPUs means all", cpu)
		}
	}
	threads, cpus = []int{-1}, h.CPUs
	switch {
	case h.PID != 0:
		if threads, err = threadsOf(h.PID); err != nil {
			return nil, nil, err
		}
		if len(cpus) == 0 {
			cpus = []int{-1} // wherever the threads run
		}
	case len(cpus) == 0:
		if cpus, err = onlineCPUs(); err != nil {
			return nil, nil, err
		}
	}
	return threads, cpus, nil
}

// threadsOf returns the threads of a process.
func threadsOf(pid int) ([]int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no process %d: %w", pid, unix.ESRCH)
	}
	if err != nil {
		return nil, err
	}
	var threads []int
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, fmt.Errorf("threads of process %d: %w", pid, err)
		}
		threads = append(threads, tid)
	}
	return threads, nil
}

// onlineFile lists the CPUs that are online, as in "0-3,6".
const onlineFile = "/sys/devices/system/cpu/online"

func onlineCPUs() ([]int, error) {
	text, err := os.ReadFile(onlineFile)
	if err != nil {
		return nil, err
	}
	var cpus []int
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		from, to := 0, 0
		if n, err := fmt.Sscanf(part, "%d-%d", &from, &to); n == 1 {
			to = from // "3"
		} else if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", onlineFile, part, err)
		}
		for ; from <= to; from++ {
			cpus = append(cpus, from)
		}
	}
	return cpus, nil
}

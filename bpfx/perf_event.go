package bpfx

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// PerfCounter is something that the kernel counts, and samples.
type PerfCounter int

const (
	// PerfCPUClock counts the time of a CPU, idle or not, in ns. Every machine has it.
	PerfCPUClock PerfCounter = iota
	// PerfTaskClock counts the time that a process runs, in ns.
	PerfTaskClock
	// PerfPageFaults counts page faults.
	PerfPageFaults
	// PerfContextSwitches counts switches from one thread to another.
	PerfContextSwitches
	// PerfCPUMigrations counts moves of a thread to another CPU.
	PerfCPUMigrations
	// PerfMinorFaults counts page faults that needed no I/O.
	PerfMinorFaults
	// PerfMajorFaults counts page faults that needed I/O.
	PerfMajorFaults
	// PerfCycles counts CPU cycles. This one and those that follow need a
	// counter in hardware, which virtual machines often lack.
	PerfCycles
	// PerfInstructions counts instructions that were retired.
	PerfInstructions
	// PerfCacheReferences counts accesses to the last level of cache.
	PerfCacheReferences
	// PerfCacheMisses counts those that missed it.
	PerfCacheMisses
	// PerfBranches counts branches that were retired.
	PerfBranches
	// PerfBranchMisses counts those that were mispredicted.
	PerfBranchMisses
)

// perfCounters has the name that perf gives to each, and the kernel's type and
// config of it (include/uapi/linux/perf_event.h).
var perfCounters = [...]struct {
	name string
	raw  PerfRaw
}{
	PerfCPUClock:        {"cpu-clock", PerfRaw{1, 0}},
	PerfTaskClock:       {"task-clock", PerfRaw{1, 1}},
	PerfPageFaults:      {"page-faults", PerfRaw{1, 2}},
	PerfContextSwitches: {"context-switches", PerfRaw{1, 3}},
	PerfCPUMigrations:   {"cpu-migrations", PerfRaw{1, 4}},
	PerfMinorFaults:     {"minor-faults", PerfRaw{1, 5}},
	PerfMajorFaults:     {"major-faults", PerfRaw{1, 6}},
	PerfCycles:          {"cycles", PerfRaw{0, 0}},
	PerfInstructions:    {"instructions", PerfRaw{0, 1}},
	PerfCacheReferences: {"cache-references", PerfRaw{0, 2}},
	PerfCacheMisses:     {"cache-misses", PerfRaw{0, 3}},
	PerfBranches:        {"branches", PerfRaw{0, 4}},
	PerfBranchMisses:    {"branch-misses", PerfRaw{0, 5}},
}

func (c PerfCounter) String() string {
	if c < 0 || int(c) >= len(perfCounters) {
		return fmt.Sprintf("PerfCounter(%d)", int(c))
	}
	return perfCounters[c].name
}

// PerfRaw is a counter by its numbers.
type PerfRaw struct {
	Type   uint32 // perf_event_attr.type, as in /sys/bus/event_source/devices/*/type
	Config uint64 // perf_event_attr.config
}

// PerfEvent runs a program each time that a counter has counted so many
// events, or so often a second: the program samples what the CPU is doing then.
// On many CPUs it is one attachment, with an event for each CPU that is online
// when it is made.
//
// A counter that the machine lacks gives an error wrapping
// [ebpf.ErrNotSupported], a process that doesn't exist ESRCH. It has a link, on
// kernels since 5.15, if it is on one CPU only. Requires Linux 4.9.
type PerfEvent struct {
	// Counter is [PerfCPUClock] by default.
	Counter PerfCounter
	// Raw names a counter that has no constant. Counter must be 0 then.
	Raw *PerfRaw
	// Frequency is how many samples to take a second, of each CPU. It is 99 by
	// default; Period must be 0 then.
	Frequency uint64
	// Period is how many events lie between samples. 0 means that Frequency
	// counts.
	Period uint64
	// PID is the process to sample, by its number in this process's PID
	// namespace: all its threads, those they start later, and its children to
	// come. 0 means whatever runs.
	PID int
	// CPUs are those to sample. None means all.
	CPUs []int
}

// defaultFrequency is odd so as not to keep step with what happens a hundred
// times a second.
const defaultFrequency = 99

// String returns the counter, how often it is sampled, and where.
func (h PerfEvent) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "perf_event %v", h.Counter)
	if h.Raw != nil {
		b.Reset()
		fmt.Fprintf(&b, "perf_event %d:%#x", h.Raw.Type, h.Raw.Config)
	}
	switch {
	case h.Period != 0:
		fmt.Fprintf(&b, " every %d", h.Period)
	case h.Frequency != 0:
		fmt.Fprintf(&b, " at %d Hz", h.Frequency)
	default:
		fmt.Fprintf(&b, " at %d Hz", defaultFrequency)
	}
	if h.PID != 0 {
		fmt.Fprintf(&b, " pid %d", h.PID)
	}
	if len(h.CPUs) > 0 {
		fmt.Fprintf(&b, " cpus %v", h.CPUs)
	}
	return b.String()
}

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h PerfEvent) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.PerfEvent, Instructions: insns, License: "GPL"}
}

package bpfx

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// Filter restricts a program to one process, thread or some CPUs by a check
// at the head of the program. All that is set must hold. The zero Filter lets
// everything through.
//
// The kernel can't be asked to do it: it ignores the process and the CPU of a
// perf event when it runs the BPF programs of a kprobe or tracepoint.
//
// PID and TID are those of the initial PID namespace, which a container's own
// differ from: in there, the first process sees itself as 1. Seen from the
// host, the line NSpid of /proc/PID/status has both, the host's first. A
// process sees that line shortened to its own namespace: [InitialPID] tells it.
//
// A program runs in the process that made the kernel do something, as a rule.
// At a place that interrupts and softirqs get to, such as the functions that
// receive packets or the tracepoint timer/hrtimer_expire_entry, it is the
// process that happened to be interrupted, and PID and TID mean little. CPUs
// is right everywhere.
type Filter struct {
	// PID is the id of a process: what getpid(2) returns and the kernel calls
	// a thread group id. 0 means all.
	PID int
	// TID is the id of a thread: what gettid(2) returns. 0 means all.
	TID int
	// CPUs are numbers of CPUs, counted from 0. nil means all.
	CPUs []int
}

// maxCPUs is more than the number of any CPU: no architecture allows a larger
// CONFIG_NR_CPUS (arch/*/Kconfig).
const maxCPUs = 8192

// String returns what the filter lets through, as in: pid 42, cpu 0-3,6.
func (f Filter) String() string {
	var parts []string
	if f.PID != 0 {
		parts = append(parts, fmt.Sprintf("pid %d", f.PID))
	}
	if f.TID != 0 {
		parts = append(parts, fmt.Sprintf("tid %d", f.TID))
	}
	if f.CPUs != nil {
		var list []string
		for _, r := range f.ranges() {
			list = append(list, r.String())
		}
		if list == nil {
			list = []string{"none"}
		}
		parts = append(parts, "cpu "+strings.Join(list, ","))
	}
	if parts == nil {
		return "all"
	}
	return strings.Join(parts, ", ")
}

// Apply returns a copy of spec whose program first checks what the filter
// asks for, and leaves with a neutral value if it doesn't hold: one that other
// users of the same hook, and the kernel, take as if the program weren't there.
// That is 1 for programs of perf events, which could suppress the event, and
// for cgroups, which could forbid the call; 0 for tracing and LSM programs.
// Entry and return of one call are taken together in a kprobe.session: a call
// that is filtered out where it starts isn't seen to return either.
//
// Subprograms and callbacks aren't checked again, nor are programs that this
// one tail calls. Filters add up: Apply of a spec that Apply returned lets
// through what both do. The check is 6 to 11 instructions long, and 9 more for
// every 64 CPUs if there are gaps between them; it takes no stack. Symbols, BTF
// and relocations stay right.
//
// Takes programs of kprobes and uprobes of all kinds, tracepoints, perf
// events, fentry, fexit, fmod_ret and LSM, and those of cgroups that run in
// the process which made the call: sock, sock_addr, device and sysctl.
// Returns an error that says why for other types: XDP, tc and other programs
// that run for packets have no process, and none of what they could return is
// neutral. An error says so too if a number is negative, CPUs is empty but not
// nil, or spec is nil or has neither type nor instructions.
//
// Requires Linux 5.1, for sock and sock_addr programs 5.7, for device and
// sysctl programs 6.1. The program needs no licence that is compatible with
// the GPL.
func (f Filter) Apply(spec *ebpf.ProgramSpec) (*ebpf.ProgramSpec, error) {
	if spec == nil {
		return nil, errors.New("filter: nil program spec")
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("filter program %q: %w", spec.Name, err)
	}
	out := spec.Copy()
	if f.PID == 0 && f.TID == 0 && f.CPUs == nil {
		return out, nil
	}
	if len(spec.Instructions) == 0 {
		return nil, fmt.Errorf("filter program %q: no instructions", spec.Name)
	}
	ret, err := neutral(spec.Type, spec.AttachType)
	if err != nil {
		return nil, fmt.Errorf("filter program %q: %w", spec.Name, err)
	}
	out.Instructions = f.prepend(out.Instructions, ret)
	return out, nil
}

// check returns all that is wrong with f.
func (f Filter) check() error {
	var errs []error
	id := func(name string, n int) {
		if n < 0 || n > math.MaxInt32 {
			errs = append(errs, fmt.Errorf("%s %d is out of range: 1 to %d, 0 for all", name, n, math.MaxInt32))
		}
	}
	id("PID", f.PID)
	id("TID", f.TID)
	if f.CPUs != nil && len(f.CPUs) == 0 {
		errs = append(errs, errors.New("CPUs is empty, which no CPU is in: nil means all"))
	}
	for _, cpu := range f.CPUs {
		if cpu < 0 || cpu >= maxCPUs {
			errs = append(errs, fmt.Errorf("CPU %d is out of range: 0 to %d", cpu, maxCPUs-1))
		}
	}
	return errors.Join(errs...)
}

// A cpuRange is some CPUs in a row.
type cpuRange struct{ first, last int }

func (r cpuRange) String() string {
	if r.first == r.last {
		return fmt.Sprint(r.first)
	}
	return fmt.Sprintf("%d-%d", r.first, r.last)
}

// ranges returns the CPUs as ranges, in ascending order and with gaps between.
func (f Filter) ranges() []cpuRange {
	var ranges []cpuRange
	for _, cpu := range slices.Sorted(slices.Values(f.CPUs)) {
		if n := len(ranges); n > 0 && cpu <= ranges[n-1].last+1 {
			ranges[n-1].last = cpu
			continue
		}
		ranges = append(ranges, cpuRange{cpu, cpu})
	}
	return ranges
}

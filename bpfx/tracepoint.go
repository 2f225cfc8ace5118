package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Tracepoint runs a program at a static tracepoint, one of the events below
// /sys/kernel/tracing/events.
//
// It runs for every process on every CPU. There is no field for a process on
// purpose: the kernel ignores the one that perf events have when it runs BPF
// programs, so the program itself has to check. [Filter] makes it.
//
// A tracepoint that doesn't exist gives an error wrapping [os.ErrNotExist].
// Requires Linux 4.7 and tracefs.
type Tracepoint struct {
	// Group is the subsystem, such as "sched".
	Group string
	// Name is the event, such as "sched_process_exec".
	Name string
	// Cookie is what bpf_get_attach_cookie returns. Requires Linux 5.15
	// unless it is 0.
	Cookie uint64
}

// String returns group and name.
func (h Tracepoint) String() string { return fmt.Sprintf("tracepoint %q", h.Group+"/"+h.Name) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h Tracepoint) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.TracePoint, Instructions: insns, License: "GPL"}
}

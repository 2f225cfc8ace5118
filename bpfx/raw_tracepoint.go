package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// RawTracepoint runs a program at a static tracepoint and gives it the
// tracepoint's own arguments, not the formatted record that [Tracepoint]
// programs get.
//
// The kernel leaves a run out while the program runs on that CPU already, for a
// thread that was preempted in it (kernel/trace/bpf_trace.c, __bpf_trace_run);
// on a busy 7.3 kernel that was one run in twenty, on 6.18 none. RecursionMisses
// of [ebpf.Program.Stats] counts them.
//
// A tracepoint that doesn't exist gives an error wrapping [os.ErrNotExist].
// Requires Linux 4.17.
type RawTracepoint struct {
	// Name is the tracepoint without its group, such as "sched_process_exec".
	Name string
}

// String returns the name.
func (h RawTracepoint) String() string { return fmt.Sprintf("raw_tracepoint %q", h.Name) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h RawTracepoint) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.RawTracepoint, Instructions: insns, License: "GPL"}
}

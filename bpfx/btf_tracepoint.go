package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// BTFTracepoint runs a program at a static tracepoint and gives it the
// tracepoint's own arguments, with their types: such a program may follow the
// pointers in them, unlike one of [RawTracepoint]. Section names call it
// tp_btf. Its tracepoint is fixed when the program is loaded: Spec gives a
// spec that names it.
//
// Loading for a tracepoint that doesn't exist returns an error wrapping
// [ebpf.ErrNotSupported]. Requires Linux 5.5 with BTF.
type BTFTracepoint struct {
	// Name is the tracepoint without its group, such as "sched_process_exec".
	// For Attach it may be empty; if it is set, a program that was loaded for
	// another tracepoint is refused.
	Name string
	// Cookie is what bpf_get_attach_cookie returns. Requires Linux 6.10
	// unless it is 0.
	Cookie uint64
}

// String returns the name.
func (h BTFTracepoint) String() string { return fmt.Sprintf("tp_btf %q", h.Name) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h BTFTracepoint) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return tracingSpec(ebpf.AttachTraceRawTp, h.Name, insns)
}

package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Fentry runs a program where a function of the kernel starts, with the
// function's own arguments. It costs less than [Kprobe], but its function is
// fixed when the program is loaded: Spec gives a spec that names it.
//
// Loading for a function that doesn't exist returns an error wrapping
// [ebpf.ErrNotSupported]. Requires Linux 5.5 with BTF; before 5.13 a program
// can be attached only once.
type Fentry struct {
	// Func is a function of the kernel or of a module. For Attach it may be
	// empty; if it is set, a program that was loaded for another function of
	// the kernel is refused where the kernel tells: Linux 5.13, CAP_SYS_ADMIN.
	Func string
	// Cookie is what bpf_get_attach_cookie returns. Requires Linux 6.0
	// unless it is 0.
	Cookie uint64
}

// String returns the function.
func (h Fentry) String() string { return fmt.Sprintf("fentry %q", h.Func) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h Fentry) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return tracingSpec(ebpf.AttachTraceFEntry, h.Func, insns)
}

// Fexit runs a program where a function of the kernel returns, with the
// function's own arguments and what it returns. What [Fentry] says holds here
// too.
type Fexit struct {
	// Func is a function of the kernel or of a module. For Attach it may be
	// empty; see [Fentry].
	Func string
	// Cookie is what bpf_get_attach_cookie returns. Requires Linux 6.0
	// unless it is 0.
	Cookie uint64
}

// String returns the function.
func (h Fexit) String() string { return fmt.Sprintf("fexit %q", h.Func) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h Fexit) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return tracingSpec(ebpf.AttachTraceFExit, h.Func, insns)
}

func tracingSpec(typ ebpf.AttachType, fn string, insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: typ, AttachTo: fn, Instructions: insns, License: "GPL"}
}

package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Freplace runs a program in place of a function of another BPF program. The
// function must be global and not be inlined, both need BTF and the same
// arguments and result. Target and function are fixed when the program is
// loaded: Spec gives a spec that names them.
//
// A function that has been replaced already gives an error wrapping EBUSY.
// Requires Linux 5.10.
type Freplace struct {
	// Target is the program whose function is replaced. It stays the caller's,
	// and may be closed once attached. For Attach it may be nil: then the
	// program goes where it was loaded for, which the kernel permits only once.
	Target *ebpf.Program
	// Func is the function of Target that is replaced.
	Func string
}

// String returns target and function.
func (h Freplace) String() string {
	if h.Target == nil {
		return fmt.Sprintf("freplace %q", h.Func)
	}
	return fmt.Sprintf("freplace %q of program %s", h.Func, programName(h.Target))
}

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL. The kernel also wants to know the program's arguments and
// result, which come with an object file; programs made of instructions take
// [btf.WithFuncMetadata].
func (h Freplace) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{
		Type: ebpf.Extension, AttachTarget: h.Target, AttachTo: h.Func, Instructions: insns, License: "GPL",
	}
}

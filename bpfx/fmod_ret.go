package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// FmodRet runs a program where a function of the kernel starts, and lets it
// decide what the function returns: 0 has the function run as ever, any other
// value is returned in its place. It works on functions that are made for
// error injection, and on those that call security modules, whose names start
// with security_ (kernel/bpf/verifier.c, check_attach_modify_return). Its
// function is fixed when the program is loaded: Spec gives a spec that names
// it.
//
// Loading for a function that doesn't exist returns an error wrapping
// [ebpf.ErrNotSupported], for one whose result can't be changed EINVAL.
// Requires Linux 5.7 with BTF; before 5.13 a program can be attached only once.
type FmodRet struct {
	// Func is a function of the kernel or of a module. For Attach it may be
	// empty; see [Fentry].
	Func string
	// Cookie is what bpf_get_attach_cookie returns. Requires Linux 6.0
	// unless it is 0.
	Cookie uint64
}

// String returns the function.
func (h FmodRet) String() string { return fmt.Sprintf("fmod_ret %q", h.Func) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h FmodRet) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return tracingSpec(ebpf.AttachModifyReturn, h.Func, insns)
}

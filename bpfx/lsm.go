package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// LSM (Linux Security Module) runs a program at a hook of the kernel's
// security modules, and lets it refuse what is asked for: 0 permits, a negative
// errno refuses (Documentation/bpf/prog_lsm.rst). Its hook is fixed when the
// program is loaded: Spec gives a spec that names it.
//
// Loading for a hook that doesn't exist returns an error wrapping
// [ebpf.ErrNotSupported]. So does attaching where the kernel was booted without
// "bpf" in its list of security modules: the kernel would take the program and
// never run it. Requires Linux 5.7 with BTF; before 5.13 a program can be
// attached only once.
type LSM struct {
	// Hook is a hook of include/linux/lsm_hook_defs.h, such as "file_open".
	// For Attach it may be empty; see Func of [Fentry].
	Hook string
	// Cookie is what bpf_get_attach_cookie returns. Requires Linux 6.0
	// unless it is 0.
	Cookie uint64
}

// String returns the hook.
func (h LSM) String() string { return fmt.Sprintf("lsm %q", h.Hook) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h LSM) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.LSM, AttachType: ebpf.AttachLSMMac, AttachTo: h.Hook, Instructions: insns, License: "GPL"}
}

package bpfx

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// KprobeMulti runs a program where any of many functions of the kernel starts,
// and attaches to all of them in one system call. [Kprobe] is for instructions
// in the middle of a function, and for older kernels. What it says of
// processes holds here too.
//
// A function that doesn't exist or can't be traced gives an error wrapping
// [os.ErrNotExist] or EINVAL, and nothing is attached. Requires Linux 5.18 and
// CONFIG_FPROBE.
type KprobeMulti struct {
	// Symbols are functions of /proc/kallsyms. Either they or Pattern must be
	// given. Functions of modules require Linux 6.2.
	Symbols []string
	// Pattern is matched by the names of the functions that can be traced, as
	// listed by tracefs in available_filter_functions. It has the syntax of
	// [path.Match]: "tcp_*" matches all that start with tcp_. One that matches
	// nothing gives an error wrapping [os.ErrNotExist].
	Pattern string
	// Cookies are what bpf_get_attach_cookie returns in each of Symbols, in
	// their order. None means 0 in all of them.
	Cookies []uint64
}

// String returns the symbols or the pattern.
func (h KprobeMulti) String() string { return h.label("kprobe.multi") }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h KprobeMulti) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return multiSpec(ebpf.AttachTraceKprobeMulti, insns)
}

// KretprobeMulti runs a program where any of many functions of the kernel
// returns. Its fields are those of [KprobeMulti], and so are its errors.
type KretprobeMulti KprobeMulti

// String returns the symbols or the pattern.
func (h KretprobeMulti) String() string { return KprobeMulti(h).label("kretprobe.multi") }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h KretprobeMulti) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return multiSpec(ebpf.AttachTraceKprobeMulti, insns)
}

// KprobeSession runs a program where any of many functions of the kernel
// starts, and again where that call returns. The program asks
// bpf_session_is_return which of the two it is; if it returns 1 where the
// function starts, it is not run for the return. Its fields are those of
// [KprobeMulti], and so are its errors. Requires Linux 6.10.
type KprobeSession KprobeMulti

// String returns the symbols or the pattern.
func (h KprobeSession) String() string { return KprobeMulti(h).label("kprobe.session") }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h KprobeSession) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return multiSpec(ebpf.AttachTraceKprobeSession, insns)
}

func (h KprobeMulti) label(kind string) string {
	return fmt.Sprintf("%s %q", kind, multiName(h.Pattern, h.Symbols))
}

// multiName returns what tells a hook of many functions from another.
func multiName(pattern string, symbols []string) string {
	if pattern != "" {
		symbols = append([]string{pattern}, symbols...)
	}
	return strings.Join(symbols, ",")
}

// multiSpec is kprobeSpec for the hooks that attach to many functions, which
// the kernel wants to know when it loads the program.
func multiSpec(typ ebpf.AttachType, insns asm.Instructions) *ebpf.ProgramSpec {
	spec := kprobeSpec(insns)
	spec.AttachType = typ
	return spec
}

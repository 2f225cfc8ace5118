package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Kprobe runs a program at an instruction of the kernel, usually where a
// function starts.
//
// It runs for every process on every CPU. There is no field for a process on
// purpose: the kernel ignores the one that perf events have when it runs BPF
// programs, so the program itself has to check. [Filter] makes it.
//
// A symbol that doesn't exist or can't be probed gives an error wrapping
// [os.ErrNotExist] or EINVAL, an ambiguous one EADDRNOTAVAIL. Requires a
// kernel with kprobes; [Fentry] costs less where it is to be had.
type Kprobe struct {
	// Symbol is a function of /proc/kallsyms. The prefix that the names of
	// system calls have on this architecture may be left out.
	Symbol string
	// Offset is added to the address of Symbol, in bytes.
	Offset uint64
	// Cookie is what bpf_get_attach_cookie returns. Requires Linux 5.15
	// unless it is 0.
	Cookie uint64
}

// String returns symbol and offset.
func (h Kprobe) String() string { return "kprobe " + symbolOffset(h.Symbol, h.Offset) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h Kprobe) Spec(insns asm.Instructions) *ebpf.ProgramSpec { return kprobeSpec(insns) }

// Kretprobe runs a program where a function of the kernel returns. What
// [Kprobe] says of processes and errors holds here too.
//
// The kernel misses returns when more calls are under way at once than it
// made room for; [Fexit] has no such limit.
type Kretprobe struct {
	// Symbol is a function of /proc/kallsyms. The prefix that the names of
	// system calls have on this architecture may be left out.
	Symbol string
	// MaxActive is how many calls may be under way at once. By default the
	// kernel chooses. Any other number makes an event in tracefs, which Close
	// removes and a process that is killed leaves behind, and which rules out
	// [Attachment.Pin].
	MaxActive int
	// Cookie is what bpf_get_attach_cookie returns. Requires Linux 5.15
	// unless it is 0.
	Cookie uint64
}

// String returns the symbol.
func (h Kretprobe) String() string { return "kretprobe " + symbolOffset(h.Symbol, 0) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h Kretprobe) Spec(insns asm.Instructions) *ebpf.ProgramSpec { return kprobeSpec(insns) }

// kprobeSpec is a spec for all probes: the kernel tells them apart by what the
// program is attached to.
func kprobeSpec(insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.Kprobe, Instructions: insns, License: "GPL"}
}

func symbolOffset(symbol string, offset uint64) string {
	if offset == 0 {
		return fmt.Sprintf("%q", symbol)
	}
	return fmt.Sprintf("%q+%#x", symbol, offset)
}

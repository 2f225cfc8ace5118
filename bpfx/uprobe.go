package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Uprobe runs a program at an instruction of a user program or shared library,
// usually where a function starts, in one process or in all that map the file.
//
// A file that doesn't exist gives an error wrapping [os.ErrNotExist], a symbol
// that it doesn't have [link.ErrNoSymbol]. Requires Linux 4.17, or tracefs.
type Uprobe struct {
	// Path is the executable or shared library.
	Path string
	// Symbol is a function of Path. It is only a name for the probe, and may
	// be empty, if Address is set.
	Symbol string
	// Address is where the function starts in the file, in bytes. By default
	// the file's symbol table tells.
	Address uint64
	// Offset is added to the address, in bytes.
	Offset uint64
	// PID is the process to run in, by its number in this process's PID
	// namespace. 0 means all processes, those that start later too.
	PID int
	// Cookie is what bpf_get_attach_cookie returns. Requires Linux 5.15
	// unless it is 0.
	Cookie uint64
	// RefCtrOffset is where in the file the reference counter (semaphore) of
	// a static user probe lies, in bytes; the kernel keeps it above 0 while
	// attached. 0 means there is none. Requires Linux 4.20 unless it is 0.
	RefCtrOffset uint64
}

// String returns file and function, and the process if there is one.
func (h Uprobe) String() string { return h.label("uprobe") }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h Uprobe) Spec(insns asm.Instructions) *ebpf.ProgramSpec { return kprobeSpec(insns) }

// Uretprobe runs a program where a function of a user program or shared
// library returns. Its fields are those of [Uprobe], and so are its errors.
type Uretprobe Uprobe

// String returns file and function, and the process if there is one.
func (h Uretprobe) String() string { return Uprobe(h).label("uretprobe") }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h Uretprobe) Spec(insns asm.Instructions) *ebpf.ProgramSpec { return kprobeSpec(insns) }

func (h Uprobe) label(kind string) string {
	s := fmt.Sprintf("%s %q:%s", kind, h.Path, symbolOffset(h.Symbol, h.Offset))
	if h.Address != 0 {
		s = fmt.Sprintf("%s %q:%#x", kind, h.Path, h.Address+h.Offset)
	}
	if h.PID != 0 {
		s += fmt.Sprintf(" pid %d", h.PID)
	}
	return s
}

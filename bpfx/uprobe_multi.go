package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// UprobeMulti runs a program where any of many functions of a user program or
// shared library starts, and attaches to all of them in one system call.
//
// A file that doesn't exist gives an error wrapping [os.ErrNotExist], a symbol
// that it doesn't have [link.ErrNoSymbol]; nothing is attached then. Requires
// Linux 6.6.
type UprobeMulti struct {
	// Path is the executable or shared library.
	Path string
	// Symbols are functions of Path. One of Symbols, Addresses and Pattern must
	// be given.
	Symbols []string
	// Pattern is matched by the names of the functions in the symbol tables of
	// Path. It has the syntax of [path.Match]. One that matches nothing gives
	// an error wrapping [os.ErrNotExist].
	Pattern string
	// Addresses are where functions start in the file, in bytes.
	Addresses []uint64
	// Offsets are added to the addresses of Symbols or Addresses, in their
	// order and in bytes. None means 0 for all of them.
	Offsets []uint64
	// Cookies are what bpf_get_attach_cookie returns in each of Symbols or
	// Addresses, in their order. None means 0 in all of them.
	Cookies []uint64
	// PID is the process to run in, by its number in this process's PID
	// namespace. 0 means all processes, those that start later too.
	PID int
}

// String returns file and functions, and the process if there is one.
func (h UprobeMulti) String() string { return h.label("uprobe.multi") }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h UprobeMulti) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return multiSpec(ebpf.AttachTraceUprobeMulti, insns)
}

// UretprobeMulti runs a program where any of many functions of a user program
// or shared library returns. Its fields are those of [UprobeMulti], and so are
// its errors.
type UretprobeMulti UprobeMulti

// String returns file and functions, and the process if there is one.
func (h UretprobeMulti) String() string { return UprobeMulti(h).label("uretprobe.multi") }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h UretprobeMulti) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return multiSpec(ebpf.AttachTraceUprobeMulti, insns)
}

func (h UprobeMulti) label(kind string) string {
	s := fmt.Sprintf("%s %q:%q", kind, h.Path, multiName(h.Pattern, h.Symbols))
	if len(h.Addresses) > 0 {
		s = fmt.Sprintf("%s %q:%#x", kind, h.Path, h.Addresses)
	}
	if len(h.Offsets) > 0 {
		s += fmt.Sprintf("+%#x", h.Offsets)
	}
	if h.PID != 0 {
		s += fmt.Sprintf(" pid %d", h.PID)
	}
	return s
}

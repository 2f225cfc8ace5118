package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// SkMsg runs a program on each message that is sent through a socket of a
// sockmap or sockhash.
//
// A map has room for one such program; another gives an error wrapping EBUSY
// (before Linux 5.18, which can't tell, the new one replaces it). The kernel
// has a link for it from Linux 6.10 on, so only then can it be pinned. Before,
// it is attached to the map itself, and the Attachment holds the map and the
// program until Close. Requires Linux 4.17.
type SkMsg struct {
	// Map is a sockmap or sockhash. It stays the caller's and may be closed.
	Map *ebpf.Map
}

// String returns the map.
func (h SkMsg) String() string { return "sk_msg " + mapName(h.Map) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h SkMsg) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.SkMsg, AttachType: ebpf.AttachSkMsgVerdict, Instructions: insns, License: "GPL"}
}

// SkSkbKind is what an [SkSkb] program does.
type SkSkbKind int

const (
	// SkSkbStreamVerdict decides what becomes of each message that a stream
	// parser found, or of each segment if there is no parser.
	SkSkbStreamVerdict SkSkbKind = iota
	// SkSkbStreamParser returns the length of the message that starts a stream.
	// It only runs for sockets that join the map while a stream verdict is
	// attached too.
	SkSkbStreamParser
	// SkSkbVerdict decides on each packet of a stream or datagram socket. It
	// excludes a stream verdict, without which a stream parser never runs.
	// Requires Linux 5.13.
	SkSkbVerdict
)

func (k SkSkbKind) String() string {
	switch k {
	case SkSkbStreamVerdict:
		return "stream_verdict"
	case SkSkbStreamParser:
		return "stream_parser"
	case SkSkbVerdict:
		return "verdict"
	}
	return fmt.Sprintf("SkSkbKind(%d)", int(k))
}

// attachType returns the kernel's name for k.
func (k SkSkbKind) attachType() (ebpf.AttachType, bool) {
	switch k {
	case SkSkbStreamVerdict:
		return ebpf.AttachSkSKBStreamVerdict, true
	case SkSkbStreamParser:
		return ebpf.AttachSkSKBStreamParser, true
	case SkSkbVerdict:
		return ebpf.AttachSkSKBVerdict, true
	}
	return 0, false
}

// SkSkb runs a program on what the sockets of a sockmap or sockhash receive.
// What [SkMsg] says of links and of other programs holds here too, for each
// kind. Requires Linux 4.14.
type SkSkb struct {
	// Map is a sockmap or sockhash. It stays the caller's and may be closed.
	Map *ebpf.Map
	// Kind is [SkSkbStreamVerdict] by default.
	Kind SkSkbKind
}

// String returns the kind and the map.
func (h SkSkb) String() string { return fmt.Sprintf("sk_skb/%v %s", h.Kind, mapName(h.Map)) }

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h SkSkb) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	typ, _ := h.Kind.attachType() // an unknown kind is refused by Attach
	return &ebpf.ProgramSpec{Type: ebpf.SkSKB, AttachType: typ, Instructions: insns, License: "GPL"}
}

// mapName returns what a map prints, also of none.
func mapName(m *ebpf.Map) string {
	if m == nil {
		return "nil map"
	}
	return m.String()
}

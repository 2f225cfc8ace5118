package bpfx

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cilium/ebpf"
)

// The kernel says EINVAL to many things. These find the one that it was, by
// looking at what it was given; they are only asked after it refused, since
// what it takes grows from version to version.

// whyInvalid returns why the kernel refused to run with EINVAL, or "".
func whyInvalid(typ ebpf.ProgramType, in *RunInput, context []byte) string {
	switch {
	case typ == ebpf.XDP:
		return whyInvalidXDP(context, len(in.Data))
	case ruleOf(typ).takes&runChecksum != 0:
		if why := whyInvalidSKB(context, len(in.Data)); why != "" {
			return why
		}
		return whyInvalidPacket(in.Data)
	case typ == ebpf.Netfilter:
		const localOut = 3 // the only hook where there is no Ethernet header, and the default
		if len(context) > 0 && context[0] != localOut {
			return whyInvalidPacket(in.Data)
		}
	case typ == ebpf.RawTracepoint, typ == ebpf.RawTracepointWritable:
		return whyInvalidArgs(context, 12*8) // kernel/bpf: MAX_BPF_FUNC_ARGS
	case typ == ebpf.Syscall:
		return whyInvalidArgs(context, math.MaxUint16)
	}
	return ""
}

// whyInvalidArgs looks at a context of which the kernel only looks at the size:
// with what else it doesn't take, a run has been refused before.
func whyInvalidArgs(context []byte, most int) string {
	if len(context) > most {
		return fmt.Sprintf("Context has %d bytes, which can be %d at most", len(context), most)
	}
	return fmt.Sprintf("the program reads more than the %d bytes that Context has", len(context))
}

// whyInvalidXDP looks at a struct xdp_md.
func whyInvalidXDP(context []byte, packet int) string {
	word := func(i int) uint32 { return contextWord(context, i) }
	switch meta, end := word(0), word(1); {
	case len(context) == 0:
		return ""
	case meta%4 != 0:
		return fmt.Sprintf("the metadata that the context's Data asks for is %d bytes, not a multiple of 4", meta)
	case meta > end:
		return fmt.Sprintf("the context's Data (%d) is behind its DataEnd (%d)", meta, end)
	case int64(end) > int64(packet):
		return fmt.Sprintf("the context's DataEnd (%d) is behind the end of the packet (%d)", end, packet)
	case word(2) != 0:
		return "the context's DataMeta must be 0: Data tells the size of the metadata"
	case word(5) != 0:
		return "the context's EgressIfindex must be 0"
	case word(3) == 0 && word(4) != 0:
		return "the context's RxQueueIndex needs an IngressIfindex"
	}
	return "" // more metadata than the kernel has room for, or kernels before 5.14, which take no context
}

// contextWord returns the i-th 32-bit word of a context, 0 if it is shorter.
func contextWord(context []byte, i int) uint32 {
	if len(context) < 4*i+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(context[4*i:])
}

// skbReadOnly has the fields of struct __sk_buff that a test run doesn't take,
// by their offsets in bytes. Later kernels may take more.
var skbReadOnly = []struct {
	name     string
	from, to int
}{
	{"Len", 0, 4}, {"PktType", 4, 8}, {"QueueMapping", 12, 16}, {"Protocol", 16, 20},
	{"VLANPresent", 20, 24}, {"VLANTCI", 24, 28}, {"VLANProto", 28, 32},
	{"TCIndex", 44, 48}, {"Hash", 68, 72}, {"TCClassID", 72, 76}, {"Data", 76, 80},
	{"DataEnd", 80, 84}, {"NAPIID", 84, 88}, {"Family", 88, 92}, {"RemoteIP4", 92, 96},
	{"LocalIP4", 96, 100}, {"RemoteIP6", 100, 116}, {"LocalIP6", 116, 132},
	{"RemotePort", 132, 136}, {"LocalPort", 136, 140}, {"DataMeta", 140, 144},
	{"FlowKeys", 144, 152}, {"SK", 168, 176}, {"TstampType", 180, 181},
}

// whyInvalidSKB looks at a struct __sk_buff and the size of the packet.
func whyInvalidSKB(context []byte, packet int) string {
	for _, f := range skbReadOnly {
		for i := f.from; i < f.to && i < len(context); i++ {
			if context[i] != 0 {
				return fmt.Sprintf("the context's %s is read-only and must be 0", f.name)
			}
		}
	}
	wireLen, segments := contextWord(context, 40), contextWord(context, 41)
	switch {
	case wireLen != 0 && int64(wireLen) < int64(packet)-14: // some types lose the Ethernet header before
		return fmt.Sprintf("the context's WireLen (%d) is less than the packet has (%d)", wireLen, packet)
	case wireLen > maxWireLen:
		return fmt.Sprintf("the context's WireLen (%d) is above %d", wireLen, maxWireLen)
	case segments > math.MaxUint16:
		return fmt.Sprintf("the context's GSOSegs (%d) is above %d", segments, math.MaxUint16)
	}
	return ""
}

// maxWireLen is GSO_LEGACY_MAX_SIZE of include/linux/netdevice.h.
const maxWireLen = 65536

// whyInvalidPacket looks at a packet that starts with an Ethernet header.
// Kernels of 2026 and later, and those that took the change over, want the IP
// header to be whole if the EtherType announces one.
func whyInvalidPacket(packet []byte) string {
	if len(packet) < 14 {
		return ""
	}
	switch etherType := binary.BigEndian.Uint16(packet[12:]); {
	case etherType == 0x0800 && len(packet) < 34:
		return fmt.Sprintf("the EtherType says IPv4, which this kernel wants in 34 bytes and more, the packet has %d", len(packet))
	case etherType == 0x86dd && len(packet) < 54:
		return fmt.Sprintf("the EtherType says IPv6, which this kernel wants in 54 bytes and more, the packet has %d", len(packet))
	}
	return ""
}

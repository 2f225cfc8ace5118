package bpfx

import (
	"encoding/binary"
	"net/netip"
)

// BE16 is a 16-bit number in network byte order, as packets have it.
type BE16 [2]byte

// NewBE16 returns n in network byte order.
func NewBE16(n uint16) BE16 { return BE16{byte(n >> 8), byte(n)} }

// Uint16 returns b as a number of this machine.
func (b BE16) Uint16() uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

// XDPContext is struct xdp_md, the context of XDP programs. As input of a test
// run Data is the size of the metadata before the packet, in bytes, and
// DataEnd where the linear part of the packet ends, metadata included; set
// both or neither. Contexts for XDP require Linux 5.14.
type XDPContext struct {
	Data           uint32 // bytes of metadata before the packet; a multiple of 4
	DataEnd        uint32 // bytes; len(RunInput.Data) for a packet without fragments
	DataMeta       uint32 // must be 0
	IngressIfindex uint32 // the interface that the packet seems to come from
	RxQueueIndex   uint32 // one of the queues of that interface
	EgressIfindex  uint32 // must be 0
}

// UnmarshalBinary reads c from a [Result.Context].
func (c *XDPContext) UnmarshalBinary(b []byte) error { return unmarshalContext(b, c) }

// SKBContext is struct __sk_buff, the context of tc, socket filter, cgroup_skb
// and lwt programs. As input of a test run only the fields that say so may be
// set; as output only they mean something.
type SKBContext struct {
	Len            uint32
	PktType        uint32
	Mark           uint32 // may be set
	QueueMapping   uint32
	Protocol       uint32 // network byte order
	VLANPresent    uint32
	VLANTCI        uint32
	VLANProto      uint32    // network byte order
	Priority       uint32    // may be set
	IngressIfindex uint32    // may be set; an interface that exists
	Ifindex        uint32    // may be set; an interface that exists
	TCIndex        uint32    //
	CB             [5]uint32 // may be set; the control block
	Hash           uint32
	TCClassID      uint32
	Data           uint32
	DataEnd        uint32
	NAPIID         uint32
	Family         uint32
	RemoteIP4      [4]byte
	LocalIP4       [4]byte
	RemoteIP6      [16]byte
	LocalIP6       [16]byte
	RemotePort     uint32 // network byte order
	LocalPort      uint32 // host byte order
	DataMeta       uint32
	FlowKeys       uint64
	Tstamp         uint64 // may be set; nanoseconds
	WireLen        uint32 // may be set; bytes, not less than the packet has, 65536 at most
	GSOSegs        uint32 // may be set; 65535 at most
	SK             uint64
	GSOSize        uint32 // may be set; bytes
	TstampType     uint8
	_              [3]byte
	HWTstamp       uint64 // may be set; nanoseconds
}

// UnmarshalBinary reads c from a [Result.Context].
func (c *SKBContext) UnmarshalBinary(b []byte) error { return unmarshalContext(b, c) }

// SKLookupContext is struct bpf_sk_lookup, the context of sk_lookup programs.
// "Remote" is who sent the packet.
type SKLookupContext struct {
	Cookie         uint64   // output: of the socket that the program chose, 0 if none
	Family         uint32   // AF_INET (2) or AF_INET6 (10)
	Protocol       uint32   // IPPROTO_TCP (6) or IPPROTO_UDP (17)
	RemoteIP4      [4]byte  // with AF_INET
	RemoteIP6      [16]byte // with AF_INET6
	RemotePort     BE16
	_              [2]byte
	LocalIP4       [4]byte  // with AF_INET
	LocalIP6       [16]byte // with AF_INET6
	LocalPort      uint32   // host byte order
	IngressIfindex uint32   // Requires Linux 5.17 unless it is 0.
	_              [4]byte
}

// UnmarshalBinary reads c from a [Result.Context].
func (c *SKLookupContext) UnmarshalBinary(b []byte) error { return unmarshalContext(b, c) }

// flowKeysSize is the size of struct bpf_flow_keys in bytes.
const flowKeysSize = 56

// FlowKeys is struct bpf_flow_keys: what a flow dissector program found in a
// packet, and its [Result.Data]. As context of a test run only Flags may be
// set.
type FlowKeys struct {
	NHOff       uint16 // where the network header starts, in bytes
	THOff       uint16 // where the transport header starts, in bytes
	AddrProto   uint16 // EtherType of the addresses, host byte order
	IsFrag      uint8  // 1 or 0
	IsFirstFrag uint8  // 1 or 0
	IsEncap     uint8  // 1 or 0
	IPProto     uint8
	NProto      BE16 // EtherType
	SPort       BE16
	DPort       BE16
	Addrs       [32]byte // see Src and Dst
	Flags       uint32   // BPF_FLOW_DISSECTOR_F_*
	FlowLabel   [4]byte  // IPv6 flow label, network byte order
}

// UnmarshalBinary reads k from a [Result.Data].
func (k *FlowKeys) UnmarshalBinary(b []byte) error { return unmarshalContext(b, k) }

// Src returns the source address, which is invalid if AddrProto is neither
// IPv4 nor IPv6.
func (k *FlowKeys) Src() netip.Addr { return k.addr(0) }

// Dst returns the destination address; see Src.
func (k *FlowKeys) Dst() netip.Addr { return k.addr(1) }

func (k *FlowKeys) addr(i int) netip.Addr {
	switch k.AddrProto {
	case 0x0800:
		return netip.AddrFrom4([4]byte(k.Addrs[4*i:]))
	case 0x86dd:
		return netip.AddrFrom16([16]byte(k.Addrs[16*i:]))
	}
	return netip.Addr{}
}

// RawTracepointArgs are the arguments of a raw tracepoint, its context: at
// most 12.
type RawTracepointArgs []uint64

// unmarshalContext reads a struct of the kernel. Those of older kernels may
// be shorter, those of newer ones longer than ours.
func unmarshalContext(b []byte, into any) error {
	size := binary.Size(into)
	if len(b) < size {
		b = append(make([]byte, 0, size), b...)[:size]
	}
	_, err := binary.Decode(b, binary.NativeEndian, into)
	return err
}

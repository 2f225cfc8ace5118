package testpkt

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Types of options of neighbour discovery (RFC 4861 section 4.6).
const (
	ndSource = 1
	ndTarget = 2
	ndPrefix = 3
	ndMTU    = 5
)

// SourceLinkAddr is the sender's MAC address, an option in solicitations and
// router advertisements.
type SourceLinkAddr MAC

// AppendOption implements [Option].
func (o SourceLinkAddr) AppendOption(b []byte) []byte {
	return append(append(b, ndSource, 1), o[:]...)
}

// String implements [Option].
func (o SourceLinkAddr) String() string { return "source " + MAC(o).String() }

// TargetLinkAddr is the target's MAC address, an option in neighbour
// advertisements.
type TargetLinkAddr MAC

// AppendOption implements [Option].
func (o TargetLinkAddr) AppendOption(b []byte) []byte {
	return append(append(b, ndTarget, 1), o[:]...)
}

// String implements [Option].
func (o TargetLinkAddr) String() string { return "target " + MAC(o).String() }

// PrefixFlags are the flags of a [PrefixInfo].
type PrefixFlags uint8

// The flags of a prefix; the lower bits are reserved.
const (
	OnLink     PrefixFlags = 0x80 // L: its addresses are on the link
	Autonomous PrefixFlags = 0x40 // A: hosts make their addresses of it
)

// PrefixInfo is a prefix of the link, an option in router advertisements.
type PrefixInfo struct {
	Prefix    netip.Prefix // IPv6
	Flags     PrefixFlags  // 8 bits
	Valid     uint32       // lifetime, in seconds; 0xffffffff: for ever
	Preferred uint32       // lifetime as preferred one, in seconds; 0xffffffff: for ever
	Reserved  uint32       // 32 bits
}

// AppendOption implements [Option]. A prefix that isn't of IPv6 is ::/0.
func (o PrefixInfo) AppendOption(b []byte) []byte {
	if !o.Prefix.IsValid() || o.Prefix.Addr().Is4() {
		o.Prefix = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	b = append(b, ndPrefix, 4, byte(o.Prefix.Bits()), byte(o.Flags))
	b = binary.BigEndian.AppendUint32(b, o.Valid)
	b = binary.BigEndian.AppendUint32(b, o.Preferred)
	b = binary.BigEndian.AppendUint32(b, o.Reserved)
	a := o.Prefix.Addr().As16()
	return append(b, a[:]...)
}

// String implements [Option].
func (o PrefixInfo) String() string { return "prefix " + o.Prefix.String() }

// MTU is the MTU of the link in bytes, an option in router advertisements.
type MTU uint32

// AppendOption implements [Option].
func (o MTU) AppendOption(b []byte) []byte {
	return binary.BigEndian.AppendUint32(append(b, ndMTU, 1, 0, 0), uint32(o))
}

// String implements [Option].
func (o MTU) String() string { return fmt.Sprintf("mtu %d", uint32(o)) }

// UnknownNDOption is an option of neighbour discovery that has no type of its
// own. Its data is padded with zeros to 8-byte units less the two bytes before
// it; what exceeds 2038 bytes is left out.
type UnknownNDOption struct {
	Kind uint8
	Data []byte
}

// AppendOption implements [Option].
func (o UnknownNDOption) AppendOption(b []byte) []byte {
	data := o.Data[:min(len(o.Data), 0xff*8-2)]
	units := (2 + len(data) + 7) / 8
	b = append(append(b, o.Kind, byte(units)), data...)
	return append(b, make([]byte, units*8-2-len(data))...)
}

// String implements [Option].
func (o UnknownNDOption) String() string { return UnknownOption(o).String() }

// ParseNDOptions takes the options of a message of neighbour discovery apart:
// [SourceLinkAddr], [TargetLinkAddr], [PrefixInfo], [MTU], and
// [UnknownNDOption] for all else. They share memory with b.
//
// Returns the options so far and an error where a length is impossible.
func ParseNDOptions(b []byte) ([]Option, error) {
	var options []Option
	for i := 0; i < len(b); {
		if i+1 == len(b) {
			return options, fmt.Errorf("option %d at byte %d: no length", b[i], i)
		}
		n := int(b[i+1]) * 8
		if n == 0 || i+n > len(b) {
			return options, fmt.Errorf("option %d at byte %d: length %d of %d bytes", b[i], i, n, len(b)-i)
		}
		options = append(options, ndOption(b[i], b[i+2:i+n:i+n]))
		i += n
	}
	return options, nil
}

func ndOption(kind uint8, data []byte) Option {
	switch {
	case kind == ndSource && len(data) == 6:
		return SourceLinkAddr(data)
	case kind == ndTarget && len(data) == 6:
		return TargetLinkAddr(data)
	case kind == ndMTU && len(data) == 6 && data[0]|data[1] == 0:
		return MTU(binary.BigEndian.Uint32(data[2:]))
	case kind == ndPrefix && len(data) == 30 && data[0] <= 128:
		be := binary.BigEndian
		return PrefixInfo{
			Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte(data[14:])), int(data[0])), Flags: PrefixFlags(data[1]),
			Valid: be.Uint32(data[2:]), Preferred: be.Uint32(data[6:]), Reserved: be.Uint32(data[10:]),
		}
	}
	return UnknownNDOption{Kind: kind, Data: data}
}

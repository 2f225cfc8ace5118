package testpkt

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// IPv4Flags are the three flags of an IPv4 header.
type IPv4Flags uint8

// The flags of an IPv4 header (RFC 791 section 3.1, RFC 3514).
const (
	MoreFragments IPv4Flags = 1 << iota // MF
	DontFragment                        // DF
	Evil                                // reserved, must be zero
)

// String returns the names of the flags that are set, such as "DF|MF", "0" if
// none is.
func (f IPv4Flags) String() string {
	var set []string
	for i, name := range []string{"MF", "DF", "evil"} {
		if f&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	if f > 7 {
		set = append(set, fmt.Sprintf("%#x", uint8(f&^7)))
	}
	if len(set) == 0 {
		return "0"
	}
	return strings.Join(set, "|")
}

const ipv4MinLen = 20 // bytes

// IPv4 is an IPv4 header of 20 bytes and options (RFC 791).
type IPv4 struct {
	Version     uint8  // 4 bits; zero: 4
	IHL         uint8  // header length, 4 bits, in 4-byte words; zero: computed
	TOS         uint8  // type of service: DSCP in the upper 6 bits, ECN in the lower 2
	TotalLength uint16 // header and all after it, in bytes; zero: computed
	ID          uint16 // identification

	Flags          IPv4Flags // 3 bits
	FragmentOffset uint16    // 13 bits, in units of 8 bytes

	TTL      uint8  // hops; zero: 64
	Protocol uint8  // announces the next layer; zero: that of the next layer
	Checksum uint16 // of the header as it stands; zero: computed

	Src netip.Addr // zero Addr: 10.0.0.1
	Dst netip.Addr // zero Addr: 10.0.0.2

	// Options are raw, at most 40 bytes. Unless Exact they are padded with
	// zeros to a multiple of 4 bytes.
	Options []byte

	// Exact leaves zero fields zero, and a zero Addr becomes 0.0.0.0.
	Exact bool
}

// Append implements [Layer].
func (l IPv4) Append(b []byte, p Place) ([]byte, error) { return l.append(b, p) }

func (l *IPv4) append(b []byte, p Place) ([]byte, error) {
	if l.Version|l.IHL > 0xf || l.Flags > 7 || l.FragmentOffset > 0x1fff ||
		notIPv4(l.Src) || notIPv4(l.Dst) || len(l.Options) > maxOptions {
		return b, l.check(p)
	}
	// The rows of the header as RFC 791 draws them.
	r0 := uint32(l.Version)<<28 | uint32(l.IHL)<<24 | uint32(l.TOS)<<16 | uint32(l.TotalLength)
	r1 := uint32(l.ID)<<16 | uint32(l.Flags)<<13 | uint32(l.FragmentOffset)
	r2 := uint32(l.TTL)<<24 | uint32(l.Protocol)<<16 | uint32(l.Checksum)
	var src, dst uint32
	if !l.Exact {
		src, dst = 10<<24|1, 10<<24|2
		if l.Version == 0 {
			r0 |= 4 << 28
		}
		if l.IHL == 0 {
			r0 |= rowsOf(ipv4MinLen, l.Options) << 24
		}
		if l.TTL == 0 {
			r2 |= 64 << 24
		}
		if l.Protocol == 0 {
			n, ok := p.next().Number(SpaceIPProtocol)
			if !ok || n > 0xff {
				return b, p.cannotCarry("Protocol")
			}
			r2 |= uint32(n) << 16
		}
	}
	if l.Src.Is4() {
		src = be32(l.Src)
	}
	if l.Dst.Is4() {
		dst = be32(l.Dst)
	}
	start := len(b)
	b = appendRows(b, r0, r1, r2, src, dst)
	final := dst
	if len(l.Options) > 0 {
		b = appendOptions(b, l.Options, l.Exact)
		if addr, ok := l.final(); ok {
			final = binary.BigEndian.Uint32(addr)
		}
	}
	end := len(b)
	inner := p
	if r1&(uint32(MoreFragments)<<13|0x1fff) != 0 {
		inner.addrs |= inFragment
	}
	b, err := inner.withAddressSum(src>>16 + src&0xffff + final>>16 + final&0xffff).AppendNext(b)
	if err != nil || l.Exact {
		return b, err
	}
	sum := uint64(r0) + uint64(r1) + uint64(r2) + uint64(src) + uint64(dst)
	if len(l.Options) > 0 {
		sum += uint64(Sum(0, b[start+ipv4MinLen:end]))
	}
	return b, l.complete(b[start:], p, sum)
}

// complete sets total length and checksum of the packet b; sum is that of its
// header.
func (l *IPv4) complete(b []byte, p Place, sum uint64) error {
	n := len(b)
	if l.TotalLength == 0 {
		if p.addrs&inFragment != 0 {
			return p.inFragmentError("TotalLength")
		}
		if n > 0xffff {
			return p.Errorf("TotalLength", "packet of %d bytes exceeds 65535", n)
		}
		sum += uint64(n)
		binary.BigEndian.PutUint16(b[2:], uint16(n))
	}
	if l.Checksum == 0 {
		binary.BigEndian.PutUint16(b[10:], ^fold(sum))
	}
	return nil
}

var (
	defaultSrc4 = netip.AddrFrom4([4]byte{10, 0, 0, 1})
	defaultDst4 = netip.AddrFrom4([4]byte{10, 0, 0, 2})
)

// notIPv4 reports whether a is an address of another family.
func notIPv4(a netip.Addr) bool { return a.IsValid() && !a.Is4() }

// be32 returns the number of an IPv4 address, 0 for no address.
func be32(a netip.Addr) uint32 {
	if !a.IsValid() {
		return 0
	}
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// check reports fields that the header has no room for.
func (l *IPv4) check(p Place) error {
	switch {
	case l.Version > 0xf:
		return p.Errorf("Version", "%d exceeds 4 bits", l.Version)
	case l.IHL > 0xf:
		return p.Errorf("IHL", "%d exceeds 4 bits", l.IHL)
	case l.Flags > 7:
		return p.Errorf("Flags", "%#x exceeds 3 bits", uint8(l.Flags))
	case l.FragmentOffset > 0x1fff:
		return p.Errorf("FragmentOffset", "%d exceeds 13 bits", l.FragmentOffset)
	case notIPv4(l.Src):
		return p.Errorf("Src", "%v is not an IPv4 address", l.Src)
	case notIPv4(l.Dst):
		return p.Errorf("Dst", "%v is not an IPv4 address", l.Dst)
	case len(l.Options) > maxOptions:
		return p.Errorf("Options", "%d bytes, at most %d", len(l.Options), maxOptions)
	}
	return nil
}

// Number implements [Layer].
func (l IPv4) Number(s Space) (uint16, bool) {
	switch s {
	case SpaceEtherType:
		return EtherTypeIPv4, true
	case SpaceIPProtocol:
		return ProtocolIPv4, true
	case SpaceLinkType:
		return LinkTypeIPv4, true
	}
	return 0, false
}

func (l *IPv4) decode(b []byte, next *head) error {
	if len(b) < ipv4MinLen {
		return tooShort(ipv4MinLen)
	}
	n := int(b[0]&0xf) * 4
	if n < ipv4MinLen {
		return fmt.Errorf("IHL: %d, at least 5", n/4)
	}
	if len(b) < n {
		return tooShort(n)
	}
	l.read((*[ipv4MinLen]byte)(b))
	if n > ipv4MinLen {
		l.Options = b[ipv4MinLen:n:n]
	}
	next.set(n, said(int(l.TotalLength)), SpaceIPProtocol, uint16(l.Protocol))
	if l.FragmentOffset != 0 {
		next.space = 0
	}
	next.partial = next.partial || l.Flags&MoreFragments != 0
	return nil
}

// read reads all fields but the options. It does so one by one: a literal would
// be made on the stack and copied.
func (l *IPv4) read(h *[ipv4MinLen]byte) {
	frag := binary.BigEndian.Uint16(h[6:])
	l.Version, l.IHL, l.TOS, l.TotalLength = h[0]>>4, h[0]&0xf, h[1], binary.BigEndian.Uint16(h[2:])
	l.ID, l.Flags, l.FragmentOffset = binary.BigEndian.Uint16(h[4:]), IPv4Flags(frag>>13), frag&0x1fff
	l.TTL, l.Protocol, l.Checksum = h[8], h[9], binary.BigEndian.Uint16(h[10:])
	l.Src, l.Dst = netip.AddrFrom4([4]byte(h[12:16])), netip.AddrFrom4([4]byte(h[16:20]))
	l.Options, l.Exact = nil, true
}

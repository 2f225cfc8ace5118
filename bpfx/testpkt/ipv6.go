package testpkt

import (
	"encoding/binary"
	"net/netip"
)

const ipv6Len = 40 // bytes

// IPv6 is an IPv6 header of 40 bytes (RFC 8200).
type IPv6 struct {
	Version       uint8  // 4 bits; zero: 6
	TrafficClass  uint8  // DSCP in the upper 6 bits, ECN in the lower 2
	FlowLabel     uint32 // 20 bits
	PayloadLength uint16 // all after the header, in bytes; zero: computed

	// NextHeader announces the next layer. Zero: that of the next layer, or
	// [ProtocolNoNext] if there is none.
	NextHeader uint8

	HopLimit uint8      // hops; zero: 64, but 255 for neighbour discovery, which nodes drop otherwise
	Src      netip.Addr // zero Addr: fd00::1
	Dst      netip.Addr // zero Addr: fd00::2

	// Exact leaves zero fields zero, and a zero Addr becomes ::.
	Exact bool
}

// Append implements [Layer].
func (l IPv6) Append(b []byte, p Place) ([]byte, error) { return l.append(b, p) }

func (l *IPv6) append(b []byte, p Place) ([]byte, error) {
	if err := l.check(p); err != nil {
		return b, err
	}
	// The first two rows of the header as RFC 8200 draws them.
	r0 := uint32(l.Version)<<28 | uint32(l.TrafficClass)<<20 | l.FlowLabel
	r1 := uint32(l.PayloadLength)<<16 | uint32(l.NextHeader)<<8 | uint32(l.HopLimit)
	src, dst := netip.IPv6Unspecified(), netip.IPv6Unspecified()
	if !l.Exact {
		src, dst = defaultSrc6, defaultDst6
		if l.Version == 0 {
			r0 |= 6 << 28
		}
		next := l.NextHeader
		if err := p.fillNextHeader(&next); err != nil {
			return b, err
		}
		r1 |= uint32(next) << 8
		if l.HopLimit == 0 {
			r1 |= defaultHopLimit(p)
		}
	}
	if l.Src.IsValid() {
		src = l.Src
	}
	if l.Dst.IsValid() {
		dst = l.Dst
	}
	start := len(b)
	b = binary.BigEndian.AppendUint64(b, uint64(r0)<<32|uint64(r1))
	b, _ = src.AppendBinary(b) // 16 bytes, and never an error
	b, _ = dst.AppendBinary(b)
	end := len(b)
	sum := Sum(0, b[start+8:end])
	if final, ok := p.finalDst(); ok {
		sum = Sum(Sum(0, final), b[start+8:start+24])
	}
	b, err := p.withAddressSum(uint32(sum)).AppendNext(b)
	if err != nil || l.Exact || l.PayloadLength != 0 {
		return b, err
	}
	if p.addrs&inFragment != 0 {
		return b, p.inFragmentError("PayloadLength")
	}
	n := len(b) - end
	if n > 0xffff {
		return b, p.Errorf("PayloadLength", "payload of %d bytes exceeds 65535", n)
	}
	binary.BigEndian.PutUint16(b[start+4:], uint16(n))
	return b, nil
}

func defaultHopLimit(p Place) uint32 {
	switch p.Next().(type) {
	case NeighborSolicit, NeighborAdvert, RouterSolicit, RouterAdvert,
		*NeighborSolicit, *NeighborAdvert, *RouterSolicit, *RouterAdvert:
		return 255
	}
	return 64
}

var (
	defaultSrc6 = netip.AddrFrom16([16]byte{0: 0xfd, 15: 1})
	defaultDst6 = netip.AddrFrom16([16]byte{0: 0xfd, 15: 2})
)

// notIPv6 reports whether a is an address of another family, or has a zone.
func notIPv6(a netip.Addr) bool { return a.Is4() || a.Zone() != "" }

// check reports fields that the header has no room for.
func (l *IPv6) check(p Place) error {
	switch {
	case l.Version > 0xf:
		return p.Errorf("Version", "%d exceeds 4 bits", l.Version)
	case l.FlowLabel > 0xfffff:
		return p.Errorf("FlowLabel", "%d exceeds 20 bits", l.FlowLabel)
	case l.Src.Is4():
		return p.Errorf("Src", "%v is not an IPv6 address", l.Src)
	case l.Dst.Is4():
		return p.Errorf("Dst", "%v is not an IPv6 address", l.Dst)
	case l.Src.Zone() != "":
		return p.Errorf("Src", "%v has a zone", l.Src)
	case l.Dst.Zone() != "":
		return p.Errorf("Dst", "%v has a zone", l.Dst)
	}
	return nil
}

// Number implements [Layer].
func (l IPv6) Number(s Space) (uint16, bool) {
	switch s {
	case SpaceEtherType:
		return EtherTypeIPv6, true
	case SpaceIPProtocol:
		return ProtocolIPv6, true
	case SpaceLinkType:
		return LinkTypeIPv6, true
	}
	return 0, false
}

func (l *IPv6) decode(b []byte, next *head) error {
	if len(b) < ipv6Len {
		return tooShort(ipv6Len)
	}
	l.read((*[ipv6Len]byte)(b))
	next.set(ipv6Len, ipv6Len+int(l.PayloadLength), SpaceIPProtocol, uint16(l.NextHeader))
	if l.jumbo() {
		next.total = 0
	}
	return nil
}

// jumbo reports whether this is the header of a jumbogram, whose length is an
// option in the header after it (RFC 2675).
func (l *IPv6) jumbo() bool { return l.PayloadLength == 0 && l.NextHeader == ProtocolHopByHop }

func (l *IPv6) read(h *[ipv6Len]byte) {
	row := binary.BigEndian.Uint32(h[0:])
	l.Version, l.TrafficClass, l.FlowLabel = h[0]>>4, uint8(row>>20), row&0xfffff
	l.PayloadLength, l.NextHeader, l.HopLimit = binary.BigEndian.Uint16(h[4:]), h[6], h[7]
	l.Src, l.Dst = netip.AddrFrom16([16]byte(h[8:24])), netip.AddrFrom16([16]byte(h[24:40]))
	l.Exact = true
}

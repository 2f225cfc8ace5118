package testpkt

import "net/netip"

// Types of IPv6 routing headers.
const (
	RoutingSource   = 0 // source route, deprecated by RFC 5095
	RoutingMobile   = 2 // home address, RFC 6275
	RoutingSegments = 4 // segment routing, RFC 8754
)

const maxRouting = 256*8 - 4 // bytes

// IPv6Routing is an IPv6 routing header (RFC 8200 section 4.4).
//
// While segments are left, the checksums of transport layers after it are
// computed with its final destination in the pseudo header, not with that of
// the IPv6 header (RFC 8200 section 8.1). It is the last address of types 0
// and 2, the first segment of type 4.
type IPv6Routing struct {
	NextHeader   uint8 // announces the next layer; zero: that of the next layer, or [ProtocolNoNext]
	Length       uint8 // in 8-byte units without the first; zero: computed
	Type         uint8 // such as [RoutingSegments]
	SegmentsLeft uint8 // nodes that are still to be visited

	// Data depends on Type, at most 2044 bytes; see [SourceRoute] and
	// [SegmentList]. Unless Exact it is padded with zeros to whole units.
	Data []byte

	// Exact leaves zero fields zero.
	Exact bool
}

// SourceRoute returns the data of a routing header of type 0 or 2: addresses in
// the order in which they are visited, those of IPv4 as mapped ones.
func SourceRoute(addrs ...netip.Addr) []byte {
	b := make([]byte, 4, 4+16*len(addrs)) // reserved
	for _, a := range addrs {
		a16 := a.As16()
		b = append(b, a16[:]...)
	}
	return b
}

// SegmentList returns the data of a routing header of type 4, without flags
// and tag: segments in the order in which they are visited. The header holds
// them in reverse.
func SegmentList(segments ...netip.Addr) []byte {
	b := make([]byte, 4, 4+16*len(segments))
	b[0] = byte(len(segments) - 1) // last entry
	for i := range segments {
		a16 := segments[len(segments)-1-i].As16()
		b = append(b, a16[:]...)
	}
	return b
}

// Append implements [Layer].
func (l IPv6Routing) Append(b []byte, p Place) ([]byte, error) {
	if len(l.Data) > maxRouting {
		return b, p.Errorf("Data", "%d bytes, at most %d", len(l.Data), maxRouting)
	}
	if !l.Exact {
		if err := p.fillNextHeader(&l.NextHeader); err != nil {
			return b, err
		}
		setDefault(&l.Length, uint8((4+len(l.Data)+extensionUnit-1)/extensionUnit-1))
	}
	b = append(append(b, l.NextHeader, l.Length, l.Type, l.SegmentsLeft), l.Data...)
	if !l.Exact {
		b = append(b, make([]byte, -(4+len(l.Data))&(extensionUnit-1))...)
	}
	return p.AppendNext(b)
}

// final returns the final destination, false if that is the one in the IPv6
// header.
func (l *IPv6Routing) final() (dst []byte, ok bool) {
	n := len(l.Data)
	switch {
	case l.SegmentsLeft == 0 || n < 4+16:
		return nil, false
	case l.Type == RoutingSegments:
		return l.Data[4:20], true
	case l.Type == RoutingSource || l.Type == RoutingMobile:
		n -= (n - 4) % 16
		return l.Data[n-16 : n], true
	}
	return nil, false
}

// finalDst returns the final destination in a routing header after the IPv6
// header of p, false if there is none.
func (p Place) finalDst() (dst []byte, ok bool) {
	for p.i++; int(p.i) < len(p.layers); p.i++ {
		switch l := p.layers[p.i].(type) {
		case IPv6HopByHop, IPv6Destination, *IPv6HopByHop, *IPv6Destination:
		case IPv6Routing:
			return l.final()
		case *IPv6Routing:
			return l.final()
		default:
			return nil, false
		}
	}
	return nil, false
}

// Number implements [Layer].
func (l IPv6Routing) Number(s Space) (uint16, bool) {
	return ProtocolRouting, s == SpaceIPProtocol
}

func (l *IPv6Routing) decode(b []byte, next *head) error {
	if err := decodeExtension(b, next); err != nil {
		return err
	}
	*l = IPv6Routing{NextHeader: b[0], Length: b[1], Type: b[2], SegmentsLeft: b[3], Data: b[4:next.n:next.n], Exact: true}
	return nil
}

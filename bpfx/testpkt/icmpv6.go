package testpkt

import "encoding/binary"

// Types of ICMPv6 messages (RFC 4443, RFC 4861).
const (
	ICMPv6Unreachable      = 1
	ICMPv6PacketTooBig     = 2
	ICMPv6TimeExceeded     = 3
	ICMPv6ParameterProblem = 4
	ICMPv6EchoRequest      = 128
	ICMPv6EchoReply        = 129
	ICMPv6RouterSolicit    = 133
	ICMPv6RouterAdvert     = 134
	ICMPv6NeighborSolicit  = 135
	ICMPv6NeighborAdvert   = 136
)

// ICMPv6 is the header of an ICMPv6 message, 8 bytes (RFC 4443). After that of
// an error comes the packet that caused it, from its IPv6 header on; it may be
// cut off as routers do, with a Payload as its last layer.
//
// Messages of neighbour discovery are layers of their own: [NeighborSolicit],
// [NeighborAdvert], [RouterSolicit], [RouterAdvert].
type ICMPv6 struct {
	Type     uint8  // zero: [ICMPv6EchoRequest]
	Code     uint8  // what kind of Type
	Checksum uint16 // of pseudo header and message; zero: computed

	// ID and Seq are the second word of the header: of an echo, identifier and
	// sequence number. In a packet too big, Seq is the lower half of the MTU, in
	// bytes; in a parameter problem, of the pointer.
	ID, Seq uint16

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l ICMPv6) Append(b []byte, p Place) ([]byte, error) {
	if !l.Exact {
		setDefault(&l.Type, ICMPv6EchoRequest)
	}
	start := len(b)
	b, err := appendICMP(b, p, l.Type, l.Code, l.Checksum, l.ID, l.Seq, l.Exact)
	if err != nil || l.Exact || l.Checksum != 0 {
		return b, err
	}
	return b, putICMPv6Checksum(b[start:], p)
}

// putICMPv6Checksum sets the checksum of a message in which it is zero.
func putICMPv6Checksum(msg []byte, p Place) error {
	if p.addrs&(hasAddrs|inFragment) != hasAddrs {
		return p.noSum()
	}
	sum := fold(p.pseudoSum(ProtocolICMPv6, len(msg)))
	binary.BigEndian.PutUint16(msg[2:], ^Sum(sum, msg))
	return nil
}

// Number implements [Layer].
func (l ICMPv6) Number(s Space) (uint16, bool) {
	return ProtocolICMPv6, s == SpaceIPProtocol
}

func (l *ICMPv6) decode(b []byte, next *head) error {
	if len(b) < icmpLen {
		return tooShort(icmpLen)
	}
	h := (*[icmpLen]byte)(b)
	be := binary.BigEndian
	*l = ICMPv6{Type: h[0], Code: h[1], Checksum: be.Uint16(h[2:]), ID: be.Uint16(h[4:]), Seq: be.Uint16(h[6:]), Exact: true}
	if quotes6(l.Type) {
		next.set(icmpLen, 0, SpaceLinkType, LinkTypeIPv6)
		next.partial = true
		return nil
	}
	next.set(icmpLen, 0, 0, 0)
	return nil
}

// quotes6 reports whether ICMPv6 messages of a type quote a packet.
func quotes6(typ uint8) bool { return typ >= ICMPv6Unreachable && typ <= ICMPv6ParameterProblem }

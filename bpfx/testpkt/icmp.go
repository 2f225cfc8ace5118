package testpkt

import "encoding/binary"

const icmpLen = 8 // bytes

// Types of ICMP messages (RFC 792).
const (
	ICMPEchoReply        = 0
	ICMPUnreachable      = 3
	ICMPSourceQuench     = 4
	ICMPRedirect         = 5
	ICMPEchoRequest      = 8
	ICMPTimeExceeded     = 11
	ICMPParameterProblem = 12
)

// ICMP is the header of an ICMP message, 8 bytes (RFC 792). After that of an
// error comes the packet that caused it, from its IPv4 header on; it may be
// cut off as routers do, with a Payload as its last layer.
type ICMP struct {
	Type     uint8  // zero: [ICMPEchoReply]
	Code     uint8  // what kind of Type
	Checksum uint16 // of the message; zero: computed

	// ID and Seq are the second word of the header: of an echo, identifier and
	// sequence number. In an unreachable of code 4, Seq is the next hop's MTU in
	// bytes; in a redirect, both are the router's address.
	ID, Seq uint16

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l ICMP) Append(b []byte, p Place) ([]byte, error) {
	start := len(b)
	b, err := appendICMP(b, p, l.Type, l.Code, l.Checksum, l.ID, l.Seq, l.Exact)
	if err != nil || l.Exact || l.Checksum != 0 {
		return b, err
	}
	if p.addrs&inFragment != 0 {
		return b, p.inFragmentError("Checksum")
	}
	binary.BigEndian.PutUint16(b[start+2:], Checksum(b[start:]))
	return b, nil
}

// appendICMP appends a header and what follows, for both versions of IP.
func appendICMP(b []byte, p Place, typ, code uint8, sum, id, seq uint16, exact bool) ([]byte, error) {
	if !exact {
		if _, ok := p.next().Number(SpaceLinkType); !ok {
			return b, p.Errorf("", "%s cannot follow", layerName(p.Next()))
		}
	}
	return p.AppendNext(append(b,
		typ, code, byte(sum>>8), byte(sum), byte(id>>8), byte(id), byte(seq>>8), byte(seq)))
}

// Number implements [Layer].
func (l ICMP) Number(s Space) (uint16, bool) {
	return ProtocolICMP, s == SpaceIPProtocol
}

func (l *ICMP) decode(b []byte, next *head) error {
	if len(b) < icmpLen {
		return tooShort(icmpLen)
	}
	h := (*[icmpLen]byte)(b)
	be := binary.BigEndian
	*l = ICMP{Type: h[0], Code: h[1], Checksum: be.Uint16(h[2:]), ID: be.Uint16(h[4:]), Seq: be.Uint16(h[6:]), Exact: true}
	if quotes4(l.Type) {
		next.set(icmpLen, 0, SpaceLinkType, LinkTypeIPv4)
		next.partial = true
		return nil
	}
	next.set(icmpLen, 0, 0, 0)
	return nil
}

// quotes4 reports whether ICMP messages of a type quote a packet.
func quotes4(typ uint8) bool {
	switch typ {
	case ICMPUnreachable, ICMPSourceQuench, ICMPRedirect, ICMPTimeExceeded, ICMPParameterProblem:
		return true
	}
	return false
}

package testpkt

import "encoding/binary"

const udpLen = 8 // bytes

// UDP is a UDP header of 8 bytes (RFC 768).
type UDP struct {
	SrcPort uint16 // zero: 12345
	DstPort uint16 // zero: that of the next layer if it has one, else 80
	Length  uint16 // header and all after it, in bytes; zero: computed

	// Checksum of pseudo header, header and data, as far as Length says. Zero:
	// computed. A header without one is Exact, such as one of [Filled] whose
	// Checksum is then set to zero.
	Checksum uint16

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l UDP) Append(b []byte, p Place) ([]byte, error) {
	ports := uint32(l.SrcPort)<<16 | uint32(l.DstPort)
	if !l.Exact {
		port, ok := p.NextNumber(SpaceUDPPort)
		if !ok {
			return b, p.cannotCarry("DstPort")
		}
		ports = fillPorts(ports, port)
	}
	start := len(b)
	b = append(b,
		byte(ports>>24), byte(ports>>16), byte(ports>>8), byte(ports),
		byte(l.Length>>8), byte(l.Length), byte(l.Checksum>>8), byte(l.Checksum),
	)
	b, err := p.AppendNext(b)
	if err != nil || l.Exact {
		return b, err
	}
	n := len(b) - start
	if l.Length == 0 {
		if p.addrs&inFragment != 0 {
			return b, p.inFragmentError("Length")
		}
		if n > 0xffff {
			return b, p.Errorf("Length", "datagram of %d bytes exceeds 65535", n)
		}
		l.Length = uint16(n)
		binary.BigEndian.PutUint16(b[start+4:], l.Length)
	}
	if l.Checksum != 0 {
		return b, nil
	}
	if p.addrs&(hasAddrs|inFragment) != hasAddrs {
		return b, p.noSum()
	}
	// The datagram ends where its length says, if there is so much.
	n = min(n, max(udpLen, int(l.Length)))
	sum := fold(p.pseudoSum(ProtocolUDP, int(l.Length)) + uint64(ports) + uint64(l.Length))
	sum = ^Sum(sum, b[start+udpLen:start+n])
	if sum == 0 {
		sum = 0xffff // zero means that there is no checksum, RFC 768
	}
	binary.BigEndian.PutUint16(b[start+6:], sum)
	return b, nil
}

// Number implements [Layer].
func (l UDP) Number(s Space) (uint16, bool) {
	return ProtocolUDP, s == SpaceIPProtocol
}

func (l *UDP) decode(b []byte, next *head) error {
	if len(b) < udpLen {
		return tooShort(udpLen)
	}
	l.read((*[udpLen]byte)(b))
	next.set(udpLen, said(int(l.Length)), SpaceUDPPort, l.DstPort)
	return nil
}

func (l *UDP) read(h *[udpLen]byte) {
	l.SrcPort, l.DstPort = binary.BigEndian.Uint16(h[0:]), binary.BigEndian.Uint16(h[2:])
	l.Length, l.Checksum, l.Exact = binary.BigEndian.Uint16(h[4:]), binary.BigEndian.Uint16(h[6:]), true
}

package testpkt

import "encoding/binary"

const fragmentLen = 8 // bytes

// IPv6Fragment is an IPv6 fragment header of 8 bytes (RFC 8200 section 4.5).
// Fragments after the first carry a [Payload], so NextHeader must be set.
type IPv6Fragment struct {
	NextHeader uint8  // announces the next layer; zero: that of the next layer, or [ProtocolNoNext]
	Reserved   uint8  // 8 bits
	Offset     uint16 // 13 bits, in units of 8 bytes
	Reserved2  uint8  // 2 bits
	More       bool   // more fragments follow
	ID         uint32 // identification

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l IPv6Fragment) Append(b []byte, p Place) ([]byte, error) {
	if l.Offset > 0x1fff {
		return b, p.Errorf("Offset", "%d exceeds 13 bits", l.Offset)
	}
	if l.Reserved2 > 3 {
		return b, p.Errorf("Reserved2", "%d exceeds 2 bits", l.Reserved2)
	}
	if !l.Exact {
		if err := p.fillNextHeader(&l.NextHeader); err != nil {
			return b, err
		}
	}
	row := l.Offset<<3 | uint16(l.Reserved2)<<1 | uint16(bit(l.More))
	b = append(b, l.NextHeader, l.Reserved, byte(row>>8), byte(row))
	b = binary.BigEndian.AppendUint32(b, l.ID)
	if l.More || l.Offset != 0 {
		p.addrs |= inFragment
	}
	return p.AppendNext(b)
}

// Number implements [Layer].
func (l IPv6Fragment) Number(s Space) (uint16, bool) {
	return ProtocolFragment, s == SpaceIPProtocol
}

func (l *IPv6Fragment) decode(b []byte, next *head) error {
	if len(b) < fragmentLen {
		return tooShort(fragmentLen)
	}
	h := (*[fragmentLen]byte)(b)
	row := binary.BigEndian.Uint16(h[2:])
	*l = IPv6Fragment{
		NextHeader: h[0], Reserved: h[1], Offset: row >> 3, Reserved2: uint8(row>>1) & 3, More: row&1 != 0,
		ID: binary.BigEndian.Uint32(h[4:]), Exact: true,
	}
	if l.Offset != 0 {
		next.set(fragmentLen, 0, 0, 0)
		return nil
	}
	next.set(fragmentLen, 0, SpaceIPProtocol, uint16(h[0]))
	next.partial = next.partial || l.More
	return nil
}

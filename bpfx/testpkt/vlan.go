package testpkt

import "encoding/binary"

const vlanLen = 4 // bytes

// VLAN is an IEEE 802.1Q tag of 4 bytes: control information and the EtherType
// of what follows. The tag's own EtherType is that of the header before it.
//
// Two in a row are an IEEE 802.1ad (QinQ) stack: a tag before another one is
// announced as [EtherTypeQinQ], the last as [EtherTypeVLAN].
type VLAN struct {
	Priority     uint8  // priority code point, 3 bits
	DropEligible bool   // drop eligible indicator
	ID           uint16 // VLAN identifier, 12 bits; 0: priority tag, no VLAN

	// EtherType announces the next layer. Zero: that of the next layer.
	EtherType uint16

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l VLAN) Append(b []byte, p Place) ([]byte, error) {
	if l.Priority > 7 {
		return b, p.Errorf("Priority", "%d exceeds 3 bits", l.Priority)
	}
	if l.ID > 0xfff {
		return b, p.Errorf("ID", "%d exceeds 12 bits", l.ID)
	}
	if !l.Exact && l.EtherType == 0 {
		n, ok := p.NextNumber(SpaceEtherType)
		if !ok {
			return b, p.cannotCarry("EtherType")
		}
		l.EtherType = n
	}
	tci := l.tci()
	b = append(b, byte(tci>>8), byte(tci), byte(l.EtherType>>8), byte(l.EtherType))
	return p.AppendNext(b)
}

// tci returns the tag control information.
func (l *VLAN) tci() uint16 {
	tci := uint16(l.Priority)<<13 | l.ID
	if l.DropEligible {
		tci |= 1 << 12
	}
	return tci
}

// Number implements [Layer].
func (l VLAN) Number(s Space) (uint16, bool) {
	return EtherTypeVLAN, s == SpaceEtherType
}

func (l *VLAN) decode(b []byte, next *head) error {
	if len(b) < vlanLen {
		return tooShort(vlanLen)
	}
	l.read((*[vlanLen]byte)(b))
	next.set(vlanLen, 0, SpaceEtherType, l.EtherType)
	return nil
}

func (l *VLAN) read(h *[vlanLen]byte) {
	l.Priority, l.DropEligible, l.ID = h[0]>>5, h[0]&0x10 != 0, binary.BigEndian.Uint16(h[0:])&0xfff
	l.EtherType, l.Exact = binary.BigEndian.Uint16(h[2:]), true
}

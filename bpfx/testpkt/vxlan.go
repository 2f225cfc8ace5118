package testpkt

import "encoding/binary"

const vxlanLen = 8 // bytes

// VXLAN is a VXLAN header of 8 bytes, carried over UDP to port 4789 and itself
// carrying Ethernet (RFC 7348).
type VXLAN struct {
	Flags     uint8  // zero: 0x08, the VNI is valid
	Reserved  uint32 // 24 bits; the lower 16 are a policy group in an extension
	VNI       uint32 // network identifier, 24 bits
	Reserved2 uint8  // behind the VNI

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l VXLAN) Append(b []byte, p Place) ([]byte, error) {
	if l.Reserved > 0xffffff {
		return b, p.Errorf("Reserved", "%#x exceeds 24 bits", l.Reserved)
	}
	if l.VNI > 0xffffff {
		return b, p.Errorf("VNI", "%d exceeds 24 bits", l.VNI)
	}
	if !l.Exact {
		setDefault(&l.Flags, 0x08)
		if n, ok := p.next().Number(SpaceLinkType); !ok || n != LinkTypeEthernet && n != 0 {
			return b, p.Errorf("", "%s cannot follow: VXLAN carries Ethernet", layerName(p.Next()))
		}
	}
	b = binary.BigEndian.AppendUint32(b, uint32(l.Flags)<<24|l.Reserved)
	b = binary.BigEndian.AppendUint32(b, l.VNI<<8|uint32(l.Reserved2))
	return p.AppendNext(b)
}

// Number implements [Layer].
func (l VXLAN) Number(s Space) (uint16, bool) {
	return PortVXLAN, s == SpaceUDPPort
}

func (l *VXLAN) decode(b []byte, next *head) error {
	if len(b) < vxlanLen {
		return tooShort(vxlanLen)
	}
	l.read((*[vxlanLen]byte)(b))
	next.set(vxlanLen, 0, SpaceLinkType, LinkTypeEthernet)
	return nil
}

func (l *VXLAN) read(h *[vxlanLen]byte) {
	l.Flags, l.Reserved = h[0], binary.BigEndian.Uint32(h[0:])&0xffffff
	l.VNI, l.Reserved2, l.Exact = binary.BigEndian.Uint32(h[4:])>>8, h[7], true
}

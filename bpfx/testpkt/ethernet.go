package testpkt

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
)

const (
	ethernetLen  = 14    // bytes
	minEtherType = 0x600 // smaller ones are lengths, IEEE 802.3 section 3.2.6
)

// MAC is an Ethernet address. A [net.HardwareAddr] of 6 bytes converts to it.
type MAC [6]byte

// ParseMAC parses an Ethernet address in one of the forms of [net.ParseMAC].
func ParseMAC(s string) (MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil {
		return MAC{}, fmt.Errorf("parse MAC: %w", err)
	}
	if len(hw) != len(MAC{}) {
		return MAC{}, fmt.Errorf("parse MAC %q: %d bytes, want 6", s, len(hw))
	}
	return MAC(hw), nil
}

// MustParseMAC is like [ParseMAC] and panics if it fails.
func MustParseMAC(s string) MAC {
	m, err := ParseMAC(s)
	if err != nil {
		panic("testpkt: " + err.Error())
	}
	return m
}

// String returns the address as six pairs of hexadecimal digits and colons.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// Ethernet is an Ethernet II header of 14 bytes. Frames are not padded to 60
// bytes and have no frame check sequence.
type Ethernet struct {
	Dst MAC // zero: 00:00:00:00:00:02
	Src MAC // zero: 00:00:00:00:00:01

	// EtherType announces the next layer; below 0x600 it is the length of an
	// IEEE 802.3 frame. Zero: that of the next layer.
	EtherType uint16

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l Ethernet) Append(b []byte, p Place) ([]byte, error) { return l.append(b, p) }

func (l *Ethernet) append(b []byte, p Place) ([]byte, error) {
	dst, src, typ := l.Dst.uint64(), l.Src.uint64(), l.EtherType
	if !l.Exact {
		if dst == 0 {
			dst = 2
		}
		if src == 0 {
			src = 1
		}
		if typ == 0 {
			n, ok := p.next().Number(SpaceEtherType)
			if !ok {
				return b, p.cannotCarry("EtherType")
			}
			if typ = n; n == EtherTypeVLAN {
				typ = p.tagType()
			}
		}
	}
	start := len(b)
	b = slices.Grow(b, ethernetLen)[:start+ethernetLen]
	h := (*[ethernetLen]byte)(b[start:])
	binary.BigEndian.PutUint64(h[0:], dst<<16|src>>32)
	binary.BigEndian.PutUint32(h[8:], uint32(src))
	binary.BigEndian.PutUint16(h[12:], typ)
	return p.AppendNext(b)
}

func (m *MAC) uint64() uint64 {
	return uint64(binary.BigEndian.Uint32(m[0:]))<<16 | uint64(binary.BigEndian.Uint16(m[4:]))
}

// Number implements [Layer]. Ethernet is the first layer, or follows one that
// carries whole frames: its number is that of a link type.
func (l Ethernet) Number(s Space) (uint16, bool) {
	if s == SpaceLinkType {
		return LinkTypeEthernet, true
	}
	return 0, false
}

func (l *Ethernet) decode(b []byte, next *head) error {
	if len(b) < ethernetLen {
		return tooShort(ethernetLen)
	}
	l.read((*[ethernetLen]byte)(b))
	if l.EtherType < minEtherType && l.EtherType != 0 {
		next.set(ethernetLen, ethernetLen+int(l.EtherType), 0, 0)
		return nil
	}
	next.set(ethernetLen, 0, SpaceEtherType, l.EtherType)
	return nil
}

func (l *Ethernet) read(h *[ethernetLen]byte) {
	l.Dst, l.Src, l.EtherType, l.Exact = MAC(h[0:6]), MAC(h[6:12]), binary.BigEndian.Uint16(h[12:]), true
}

package testpkt

import (
	"encoding/binary"
	"net/netip"
)

const neighborLen = 24 // bytes, without options

// NeighborSolicit is a neighbour solicitation, the ARP request of IPv6: an
// ICMPv6 message of 24 bytes and options (RFC 4861 section 4.3).
type NeighborSolicit struct {
	Code     uint8      // zero in all that nodes accept
	Checksum uint16     // of pseudo header and message; zero: computed
	Reserved uint32     // 32 bits
	Target   netip.Addr // whose link-layer address is asked for; zero Addr: fd00::2

	// Options are raw, of whole 8-byte units; see [Options] and [SourceLinkAddr].
	Options []byte

	// Exact leaves zero fields zero, and a zero Addr becomes ::.
	Exact bool
}

// Append implements [Layer].
func (l NeighborSolicit) Append(b []byte, p Place) ([]byte, error) {
	if !l.Exact {
		setDefault(&l.Target, defaultDst6)
	}
	return appendNeighbor(b, p, ICMPv6NeighborSolicit, l.Code, l.Checksum, l.Reserved, l.Target, l.Options, l.Exact)
}

// Number implements [Layer].
func (l NeighborSolicit) Number(s Space) (uint16, bool) { return ICMPv6{}.Number(s) }

func (l *NeighborSolicit) decode(b []byte, next *head) error {
	if len(b) < neighborLen {
		return tooShort(neighborLen)
	}
	be := binary.BigEndian
	*l = NeighborSolicit{
		Code: b[1], Checksum: be.Uint16(b[2:]), Reserved: be.Uint32(b[4:]),
		Target: netip.AddrFrom16([16]byte(b[8:24])), Options: rest(b, neighborLen), Exact: true,
	}
	next.set(len(b), 0, 0, 0)
	return nil
}

// NeighborAdvert is a neighbour advertisement, the ARP reply of IPv6: an ICMPv6
// message of 24 bytes and options (RFC 4861 section 4.4).
type NeighborAdvert struct {
	Code      uint8      // zero in all that nodes accept
	Checksum  uint16     // of pseudo header and message; zero: computed
	Router    bool       // the sender is a router
	Solicited bool       // the message answers a solicitation
	Override  bool       // it replaces what is cached
	Reserved  uint32     // 29 bits
	Target    netip.Addr // whose link-layer address is told; zero Addr: fd00::1

	// Options are raw, of whole 8-byte units; see [Options] and [TargetLinkAddr].
	Options []byte

	// Exact leaves zero fields zero, and a zero Addr becomes ::.
	Exact bool
}

// Append implements [Layer].
func (l NeighborAdvert) Append(b []byte, p Place) ([]byte, error) {
	if l.Reserved >= 1<<29 {
		return b, p.Errorf("Reserved", "%#x exceeds 29 bits", l.Reserved)
	}
	if !l.Exact {
		setDefault(&l.Target, defaultSrc6)
	}
	word := l.Reserved | bit(l.Router)<<31 | bit(l.Solicited)<<30 | bit(l.Override)<<29
	return appendNeighbor(b, p, ICMPv6NeighborAdvert, l.Code, l.Checksum, word, l.Target, l.Options, l.Exact)
}

// Number implements [Layer].
func (l NeighborAdvert) Number(s Space) (uint16, bool) { return ICMPv6{}.Number(s) }

func (l *NeighborAdvert) decode(b []byte, next *head) error {
	if len(b) < neighborLen {
		return tooShort(neighborLen)
	}
	be := binary.BigEndian
	*l = NeighborAdvert{
		Code: b[1], Checksum: be.Uint16(b[2:]),
		Router: b[4]&0x80 != 0, Solicited: b[4]&0x40 != 0, Override: b[4]&0x20 != 0, Reserved: be.Uint32(b[4:]) & (1<<29 - 1),
		Target: netip.AddrFrom16([16]byte(b[8:24])), Options: rest(b, neighborLen), Exact: true,
	}
	next.set(len(b), 0, 0, 0)
	return nil
}

// appendNeighbor appends a message about a neighbour.
func appendNeighbor(b []byte, p Place, typ, code uint8, sum uint16, word uint32, target netip.Addr, options []byte, exact bool) ([]byte, error) {
	if notIPv6(target) {
		return b, p.Errorf("Target", "%v is not an IPv6 address without a zone", target)
	}
	start, a := len(b), target.As16()
	b = append(b, typ, code, byte(sum>>8), byte(sum))
	b = binary.BigEndian.AppendUint32(b, word)
	b = append(b, a[:]...)
	return appendND(b, start, p, sum, options, exact)
}

// appendND appends options and what follows to a message that began at start,
// and its checksum if that isn't set.
func appendND(b []byte, start int, p Place, sum uint16, options []byte, exact bool) ([]byte, error) {
	if !exact {
		if len(options)%8 != 0 {
			return b, p.Errorf("Options", "%d bytes, not a multiple of 8", len(options))
		}
		if !p.carriesNothing() {
			return b, p.Errorf("", "%s cannot follow: only options and a Trailer can", layerName(p.Next()))
		}
	}
	b, err := p.AppendNext(append(b, options...))
	if err != nil || exact || sum != 0 {
		return b, err
	}
	return b, putICMPv6Checksum(b[start:], p)
}

// rest returns the bytes of b from n on, nil if there are none.
func rest(b []byte, n int) []byte {
	if len(b) == n {
		return nil
	}
	return b[n:len(b):len(b)]
}

// bit returns 1 if it is set.
func bit(set bool) uint32 {
	if set {
		return 1
	}
	return 0
}

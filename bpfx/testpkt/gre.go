package testpkt

import (
	"encoding/binary"
	"errors"
)

const greMinLen = 4 // bytes

// GREFlags are the 13 bits of a GRE header before the version.
type GREFlags uint16

// The flags of a GRE header that say what it has (RFC 2784, RFC 2890).
const (
	GREChecksum GREFlags = 1 << 12 // C: checksum and Reserved
	GREKey      GREFlags = 1 << 10 // K: Key
	GRESequence GREFlags = 1 << 9  // S: Seq
)

var errGRERouting = errors.New("routing information is not supported")

// greRouting says that there is routing information (RFC 1701), of a length
// that only going through it can tell.
const greRouting GREFlags = 1 << 11

// GRE is a GRE header of 4 to 16 bytes (RFC 2784, RFC 2890). It has the parts
// that Flags say.
type GRE struct {
	Flags    GREFlags // unless Exact, those of the fields below that aren't zero are added
	Version  uint8    // 3 bits
	Protocol uint16   // EtherType of the next layer; zero: that of the next layer

	Checksum uint16 // of header and all after it; zero: computed if there is one
	Reserved uint16 // behind the checksum
	Key      uint32 // of the tunnel
	Seq      uint32 // sequence number

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l GRE) Append(b []byte, p Place) ([]byte, error) {
	if l.Flags > 0x1fff {
		return b, p.Errorf("Flags", "%#x exceeds 13 bits", uint16(l.Flags))
	}
	if l.Version > 7 {
		return b, p.Errorf("Version", "%d exceeds 3 bits", l.Version)
	}
	if !l.Exact {
		if err := l.fill(p); err != nil {
			return b, err
		}
	} else if field := l.unflagged(); field != "" {
		return b, p.Errorf(field, "set, but Flags %#x say there is none", uint16(l.Flags))
	}
	be, start := binary.BigEndian, len(b)
	b = be.AppendUint16(b, uint16(l.Flags)<<3|uint16(l.Version))
	b = be.AppendUint16(b, l.Protocol)
	if l.Flags&GREChecksum != 0 {
		b = be.AppendUint16(b, l.Checksum)
		b = be.AppendUint16(b, l.Reserved)
	}
	if l.Flags&GREKey != 0 {
		b = be.AppendUint32(b, l.Key)
	}
	if l.Flags&GRESequence != 0 {
		b = be.AppendUint32(b, l.Seq)
	}
	b, err := p.AppendNext(b)
	if err != nil || l.Exact || l.Flags&GREChecksum == 0 || l.Checksum != 0 {
		return b, err
	}
	if p.addrs&inFragment != 0 {
		return b, p.inFragmentError("Checksum")
	}
	be.PutUint16(b[start+4:], Checksum(b[start:]))
	return b, nil
}

// fill sets the flags of fields and the protocol of the next layer.
func (l *GRE) fill(p Place) error {
	if l.Checksum != 0 || l.Reserved != 0 {
		l.Flags |= GREChecksum
	}
	if l.Key != 0 {
		l.Flags |= GREKey
	}
	if l.Seq != 0 {
		l.Flags |= GRESequence
	}
	if l.Protocol != 0 {
		return nil
	}
	if n, ok := p.next().Number(SpaceLinkType); ok && n == LinkTypeEthernet {
		l.Protocol = EtherTypeBridging
		return nil
	}
	n, ok := p.NextNumber(SpaceEtherType)
	if !ok {
		return p.cannotCarry("Protocol")
	}
	l.Protocol = n
	return nil
}

// unflagged returns a field that is set though Flags say there is none.
func (l *GRE) unflagged() string {
	switch {
	case l.Flags&GREChecksum == 0 && l.Checksum != 0:
		return "Checksum"
	case l.Flags&GREChecksum == 0 && l.Reserved != 0:
		return "Reserved"
	case l.Flags&GREKey == 0 && l.Key != 0:
		return "Key"
	case l.Flags&GRESequence == 0 && l.Seq != 0:
		return "Seq"
	}
	return ""
}

// Number implements [Layer].
func (l GRE) Number(s Space) (uint16, bool) {
	return ProtocolGRE, s == SpaceIPProtocol
}

func (l *GRE) decode(b []byte, next *head) error {
	if len(b) < greMinLen {
		return tooShort(greMinLen)
	}
	be := binary.BigEndian
	*l = GRE{Flags: GREFlags(be.Uint16(b) >> 3), Version: b[1] & 7, Protocol: be.Uint16(b[2:]), Exact: true}
	if l.Flags&greRouting != 0 {
		return errGRERouting
	}
	n := greMinLen
	for _, f := range []GREFlags{GREChecksum, GREKey, GRESequence} {
		if l.Flags&f != 0 {
			n += 4
		}
	}
	if len(b) < n {
		return tooShort(n)
	}
	at := greMinLen
	if l.Flags&GREChecksum != 0 {
		l.Checksum, l.Reserved = be.Uint16(b[at:]), be.Uint16(b[at+2:])
		at += 4
	}
	if l.Flags&GREKey != 0 {
		l.Key = be.Uint32(b[at:])
		at += 4
	}
	if l.Flags&GRESequence != 0 {
		l.Seq = be.Uint32(b[at:])
	}
	if l.Protocol == EtherTypeBridging {
		next.set(n, 0, SpaceLinkType, LinkTypeEthernet)
		return nil
	}
	next.set(n, 0, SpaceEtherType, l.Protocol)
	return nil
}

package testpkt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

var (
	// ErrNoIP is returned when there is no IPv4 or IPv6 packet to cut.
	ErrNoIP = errors.New("no IPv4 or IPv6 layer")

	// ErrDontFragment is returned when an IPv4 packet has the flag DF.
	ErrDontFragment = errors.New("IPv4.Flags: DF is set")

	errJumbo = errors.New("IPv6.PayloadLength: 0, of a jumbogram, which has no fragments (RFC 2675 section 3)")
)

// maxFragmentOffset is where a fragment can begin at most, in bytes.
const maxFragmentOffset = 0x1fff * 8

// Fragments cuts the outermost IP packet of pkt, which starts with Ethernet,
// into fragments of at most mtu bytes, IP header included, with the headers
// before it in each. Checksums of layers that are cut stay those of the whole
// packet. What is behind the end of the IP packet is left out; one that isn't
// too long is left as it is, and shares memory with pkt.
//
// IPv6 fragments get the identification of a fragment header in the packet, 1
// if there is none. A fragment can be cut further.
//
// Returns an error wrapping [ErrNoIP], [ErrDontFragment] or the error of
// [Decode], or one that says that mtu is too small, that the packet is a
// jumbogram, or that it is a fragment beyond the end of what can be one.
func Fragments(pkt []byte, mtu int) ([][]byte, error) {
	frags, err := fragments(pkt, mtu)
	if err != nil {
		return nil, fmt.Errorf("cut packet into fragments: %w", err)
	}
	return frags, nil
}

func fragments(pkt []byte, mtu int) ([][]byte, error) {
	spans, err := Spans(pkt)
	if err != nil {
		return nil, err
	}
	for i, s := range spans {
		switch l := s.Layer.(type) {
		case IPv4:
			pkt = slices.Clip(pkt[:s.Start+int(l.TotalLength)])
		case IPv6:
			if !l.jumbo() {
				pkt = slices.Clip(pkt[:s.End+int(l.PayloadLength)])
			}
		default:
			continue
		}
		if len(pkt)-s.Start <= mtu {
			return [][]byte{pkt}, nil
		}
		c, err := cutterOf(pkt, spans[i:])
		if err != nil {
			return nil, err
		}
		return c.cut(pkt[:s.Start], mtu)
	}
	return nil, ErrNoIP
}

// cutterOf returns how to cut a packet from its first IP header on.
func cutterOf(pkt []byte, spans []Span) (cutter, error) {
	switch l := spans[0].Layer.(type) {
	case IPv4:
		return cutIPv4(l, pkt, spans[0])
	case IPv6:
		if l.jumbo() {
			return cutter{}, errJumbo
		}
	}
	return cutIPv6(pkt, spans), nil
}

// cutter is a packet to cut.
type cutter struct {
	data   []byte
	offset int  // of data, in bytes
	more   bool // data isn't the last
	header func(b []byte, offset, n int, more bool) []byte
	size   [2]int // of the header in the first fragment and in the others
}

// cut returns the fragments, each after prefix.
func (c *cutter) cut(prefix []byte, mtu int) ([][]byte, error) {
	var frags [][]byte
	for i, size := 0, c.size[0]; i == 0 || i < len(c.data); size = c.size[1] {
		n := len(c.data) - i
		if size+n > mtu {
			n = (mtu - size) &^ 7
		}
		switch {
		case n <= 0:
			return nil, fmt.Errorf("mtu of %d bytes has no room for a header of %d and 8 of data", mtu, size)
		case c.offset+i > maxFragmentOffset:
			return nil, fmt.Errorf("a fragment would begin at byte %d, at most %d", c.offset+i, maxFragmentOffset)
		}
		more := c.more || i+n < len(c.data)
		b := append(make([]byte, 0, len(prefix)+size+n), prefix...)
		b = append(c.header(b, c.offset+i, n, more), c.data[i:i+n]...)
		frags = append(frags, b)
		i += n
	}
	return frags, nil
}

func cutIPv4(l IPv4, pkt []byte, s Span) (cutter, error) {
	if l.Flags&DontFragment != 0 {
		return cutter{}, ErrDontFragment
	}
	options, err := ParseIPv4Options(l.Options)
	if err != nil {
		return cutter{}, fmt.Errorf("IPv4.Options: %w", err)
	}
	first, copied := l.Options, copiedOptions(options)
	base := int(l.FragmentOffset) * 8
	header := func(b []byte, offset, n int, more bool) []byte {
		l.Options = first
		if offset != base {
			l.Options = copied
		}
		l.Flags &^= MoreFragments
		if more {
			l.Flags |= MoreFragments
		}
		size := ipv4MinLen + len(l.Options)
		l.IHL, l.TotalLength, l.FragmentOffset, l.Checksum = uint8(size/4), uint16(size+n), uint16(offset/8), 0
		start := len(b)
		b, _ = AppendTo(b, l) // Exact, and what was decoded can be built
		binary.BigEndian.PutUint16(b[start+10:], Checksum(b[start:]))
		return b
	}
	return cutter{
		data: pkt[s.End:], offset: base, more: l.Flags&MoreFragments != 0, header: header,
		size: [2]int{ipv4MinLen + len(first), ipv4MinLen + len(copied)},
	}, nil
}

// copiedOptions returns the options that all fragments have: those whose kind
// has the highest bit set (RFC 791 section 3.1), padded.
func copiedOptions(options []Option) []byte {
	var b []byte
	for _, o := range options {
		if opt := o.AppendOption(nil); opt[0]&0x80 != 0 {
			b = append(b, opt...)
		}
	}
	return append(b, make([]byte, -len(b)&3)...)
}

func cutIPv6(pkt []byte, spans []Span) cutter {
	// The part before the fragment header, RFC 8200 section 4.5: up to a
	// hop-by-hop or routing header, or to the fragment header that there is.
	start, end, next := spans[0].Start, spans[0].End, 6
	frag, data := IPv6Fragment{ID: 1, Exact: true}, end
	last := next // where the header before has its next header
walk:
	for _, s := range spans[1:] {
		switch l := s.Layer.(type) {
		case IPv6Destination:
		case IPv6HopByHop, IPv6Routing:
			end, data, next = s.End, s.End, s.Start-start
		case IPv6Fragment: // of data that may be cut further
			frag, end, data, next = l, s.Start, s.End, last
			break walk
		default:
			break walk
		}
		last = s.Start - start
	}
	headers := append([]byte(nil), pkt[start:end]...)
	if data == end {
		frag.NextHeader = headers[next]
	}
	headers[next] = ProtocolFragment
	size := len(headers) + fragmentLen
	header := func(b []byte, offset, n int, more bool) []byte {
		binary.BigEndian.PutUint16(headers[4:], uint16(size-ipv6Len+n))
		frag.Offset, frag.More = uint16(offset/8), more
		b, _ = AppendTo(append(b, headers...), frag) // Exact, and its fields fit
		return b
	}
	return cutter{data: pkt[data:], offset: int(frag.Offset) * 8, more: frag.More, header: header, size: [2]int{size, size}}
}

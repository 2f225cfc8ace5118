package testpkt

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	// ErrNoIP is returned when there is no IPv4 or IPv6 packet to cut.
	ErrNoIP = errors.New("no IPv4 or IPv6 layer")

	// ErrDontFragment is returned when an IPv4 packet has the flag DF.
	ErrDontFragment = errors.New("IPv4.Flags: DF is set")
)

// Fragments cuts the outermost IP packet of pkt, which starts with Ethernet,
// into fragments of at most mtu bytes, IP header included, with the headers
// before it in each. Checksums of layers that are cut stay those of the whole
// packet. A trailer is left out; what isn't too long is one packet, as it is.
//
// IPv6 fragments get the identification of a fragment header in the packet, 1
// if there is none. A fragment can be cut further.
//
// Returns an error wrapping [ErrNoIP], [ErrDontFragment] or the error of
// [Decode], or one that says that mtu is too small.
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
	if last := spans[len(spans)-1]; isTrailer(last.Layer) {
		pkt = pkt[:last.Start]
	}
	for i, s := range spans {
		var c cutter
		switch l := s.Layer.(type) {
		case IPv4:
			if c, err = cutIPv4(l, pkt, s); err != nil {
				return nil, err
			}
		case IPv6:
			c = cutIPv6(pkt, spans[i:])
		default:
			continue
		}
		if len(pkt)-s.Start <= mtu {
			return [][]byte{pkt}, nil
		}
		return c.cut(pkt[:s.Start], mtu)
	}
	return nil, ErrNoIP
}

func isTrailer(l Layer) bool {
	_, ok := l.(Trailer)
	return ok
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
	for i, size := 0, c.size[0]; i < len(c.data); size = c.size[1] {
		n := len(c.data) - i
		if size+n > mtu {
			n = (mtu - size) &^ 7
		}
		if n <= 0 {
			return nil, fmt.Errorf("mtu of %d bytes has no room for a header of %d and 8 of data", mtu, size)
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
	// hop-by-hop or routing header.
	start, end, next := spans[0].Start, spans[0].End, 6
	frag := IPv6Fragment{ID: 1, Exact: true}
walk:
	for _, s := range spans[1:] {
		switch l := s.Layer.(type) {
		case IPv6Destination:
		case IPv6HopByHop, IPv6Routing:
			end, next = s.End, s.Start-start
		case IPv6Fragment:
			frag = l
			break walk
		default:
			break walk
		}
	}
	headers := append([]byte(nil), pkt[start:end]...)
	c := cutter{data: pkt[end:], offset: int(frag.Offset) * 8, more: frag.More}
	frag.NextHeader = headers[next]
	if frag.NextHeader == ProtocolFragment { // there is one, of data that may be cut further
		frag.NextHeader, c.data = c.data[0], c.data[fragmentLen:]
	}
	headers[next] = ProtocolFragment
	c.size = [2]int{len(headers) + fragmentLen, len(headers) + fragmentLen}
	c.header = func(b []byte, offset, n int, more bool) []byte {
		binary.BigEndian.PutUint16(headers[4:], uint16(len(headers)-ipv6Len+fragmentLen+n))
		frag.Offset, frag.More = uint16(offset/8), more
		b, _ = AppendTo(append(b, headers...), frag) // Exact, and its fields fit
		return b
	}
	return c
}

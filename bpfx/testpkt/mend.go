package testpkt

import (
	"encoding/binary"
	"slices"
)

// A checked is a layer's checksum and what it is of.
type checked struct {
	at       int    // where the checksum is
	from, to int    // the bytes that are summed up
	pseudo   int    // the length in the pseudo header, 0 if there is none
	dst      []byte // the destination in the pseudo header
}

// sum returns the sum of what the checksum is of. The source address and the
// protocol are left out: no length changes them.
func (c checked) sum(pkt []byte) uint16 {
	return Sum(Sum(uint16(c.pseudo), c.dst), pkt[c.from:c.to])
}

// mendChecksums changes the checksums of a packet whose lengths were changed, so
// that those that were right before are right again, and those that were wrong
// are wrong by as much. spans are its layers before the change.
//
// What a layer's checksum is of, the lengths say, as far as there are as many
// bytes: so does a receiver that believes them.
func mendChecksums(before, after []byte, spans []Span) {
	// The innermost first: checksums of outer layers are also of inner ones.
	for i := len(spans) - 1; i >= 0; i-- {
		was, ok := checksumOf(before, spans, i)
		is, still := checksumOf(after, spans, i)
		if !ok || !still {
			continue
		}
		target := was.sum(before)
		binary.BigEndian.PutUint16(after[is.at:], 0)
		sum := is.sum(after)
		check := fold(uint64(target) + uint64(^sum))
		if _, udp := spans[i].Layer.(UDP); check == 0xffff && sum != 0 && !udp {
			check = 0 // the same in a sum, but of nothing but zeros; UDP has another use for it
		}
		binary.BigEndian.PutUint16(after[is.at:], check)
	}
}

// checksumOf returns the checksum of the i-th layer. ok is false if it has none,
// or isn't among what it is of, since lengths say so.
func checksumOf(pkt []byte, spans []Span, i int) (c checked, ok bool) {
	s := spans[i]
	h := pkt[s.Start:s.End]
	c.from, c.to = s.Start, claimedEnd(pkt, spans, i)
	switch s.Layer.(type) {
	case IPv4:
		c.at = s.Start + 10
		n := int(h[0]&0xf) * 4
		if c.to = s.End; n >= ipv4MinLen && s.Start+n <= len(pkt) {
			c.to = s.Start + n
		}
	case TCP:
		c.at, c.pseudo = s.Start+16, c.to-c.from
	case UDP:
		c.at, c.pseudo = s.Start+6, int(binary.BigEndian.Uint16(h[4:]))
		if h[6]|h[7] == 0 {
			return c, false
		}
		if c.pseudo == 0 {
			c.pseudo = c.to - c.from // of a jumbogram, RFC 2675
		}
	case ICMP:
		c.at = s.Start + 2
	case ICMPv6, NeighborSolicit, NeighborAdvert, RouterSolicit, RouterAdvert:
		c.at, c.pseudo = s.Start+2, c.to-c.from
	case GRE:
		if h[0]&0x80 == 0 {
			return c, false
		}
		c.at = s.Start + 4
	default:
		return c, false
	}
	if c.pseudo != 0 {
		c.dst = pseudoDst(pkt, spans[:i])
	}
	return c, c.at+2 <= c.to
}

// pseudoDst returns the destination that the pseudo header of a layer behind
// others has; how many segments are left is a length too.
func pseudoDst(pkt []byte, before []Span) []byte {
	for _, s := range slices.Backward(before) {
		h := pkt[s.Start:s.End]
		switch s.Layer.(type) {
		case IPv6Routing:
			l := IPv6Routing{Type: h[2], SegmentsLeft: h[3], Data: h[4:]}
			if dst, ok := l.final(); ok {
				return dst
			}
		case IPv6:
			return h[24:40]
		case IPv4:
			l := IPv4{Options: h[ipv4MinLen:]}
			if dst, ok := l.final(); ok {
				return dst
			}
			return h[16:20]
		}
	}
	return nil
}

// claimedEnd returns where the i-th layer with all that it carries ends, as its
// lengths and those of the layers before it say. Lengths that can't be are not
// believed.
func claimedEnd(pkt []byte, spans []Span, i int) int {
	end := len(pkt)
	for _, s := range spans[:i+1] {
		h, n := pkt[s.Start:s.End], 0
		switch s.Layer.(type) {
		case IPv4:
			n = int(binary.BigEndian.Uint16(h[2:]))
		case IPv6:
			n = ipv6Len + int(binary.BigEndian.Uint16(h[4:]))
		case UDP:
			n = int(binary.BigEndian.Uint16(h[4:]))
		}
		if n >= len(h) && s.Start+n <= end {
			end = s.Start + n
		}
	}
	return end
}

package testpkt

import "encoding/binary"

// A checked is a layer's checksum and what it is of.
type checked struct {
	at       int // where the checksum is
	from, to int // the bytes that are summed up
	pseudo   int // the length in the pseudo header, 0 if there is none
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
		// Addresses are part of the sums before and after, and the same.
		target := Sum(uint16(was.pseudo), before[was.from:was.to])
		binary.BigEndian.PutUint16(after[is.at:], 0)
		sum := Sum(uint16(is.pseudo), after[is.from:is.to])
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
	return c, c.at+2 <= c.to
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

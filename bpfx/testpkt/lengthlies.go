package testpkt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
)

// LengthLies returns a packet, which starts with Ethernet, whose headers lie
// about a length, one length at a time: of an IEEE 802.3 frame, of addresses in
// ARP, IHL, TotalLength and options of IPv4, PayloadLength of IPv6, Length,
// SegmentsLeft and options of its extension headers, DataOffset and options of
// TCP, Length of UDP, options of neighbour discovery. Each is claimed to be
// zero, less than the header, one less and one more than it is, and the most
// that fits; IHL and DataOffset take all values.
//
// Checksums that were right are right for what the lengths then say there is,
// as far as there are as many bytes, so the lie is the only fault. Where it is
// about the length of a header, what comes after it stays where it was.
func LengthLies(pkt []byte) iter.Seq[Variant] {
	return func(yield func(Variant) bool) {
		spans, _ := Spans(pkt) // lies about what can be decoded
		for _, s := range spans {
			for _, l := range lengthsOf(s, pkt) {
				truth := l.get(pkt)
				for _, lie := range l.lies {
					if lie == truth || lie < 0 || lie > l.most() {
						continue
					}
					v := Variant{Packet: bytes.Clone(pkt)}
					l.set(v.Packet, lie)
					mendChecksums(pkt, v.Packet, spans)
					v.Name = fmt.Sprintf("%s.%s at byte %d: %d -> %d", layerName(s.Layer), l.name, l.at, truth, lie)
					if !yield(v) {
						return
					}
				}
			}
		}
	}
}

// A length is a number in a packet that says how long something is.
type length struct {
	name  string
	at    int // where it is
	bits  int // how many it has
	shift int // how many bits of its last byte are below it
	lies  []int
}

// most returns the largest number that fits.
func (l length) most() int { return 1<<l.bits - 1 }

// get returns the number.
func (l length) get(pkt []byte) int {
	if l.bits == 16 {
		return int(binary.BigEndian.Uint16(pkt[l.at:]))
	}
	return int(pkt[l.at]) >> l.shift & l.most()
}

// set changes the number, and nothing beside it.
func (l length) set(pkt []byte, n int) {
	if l.bits == 16 {
		binary.BigEndian.PutUint16(pkt[l.at:], uint16(n))
		return
	}
	mask := byte(l.most() << l.shift)
	pkt[l.at] = pkt[l.at]&^mask | byte(n<<l.shift)
}

// lengthsOf returns the lengths that a layer has.
func lengthsOf(s Span, pkt []byte) (list []length) {
	h := pkt[s.Start:s.End]
	add := func(name string, at, bits, shift int, lies ...int) {
		l := length{name: name, at: s.Start + at, bits: bits, shift: shift}
		truth := l.get(pkt)
		l.lies = append(lies, 0, 1, truth-1, truth+1, l.most())
		slices.Sort(l.lies)
		l.lies = slices.Compact(l.lies)
		list = append(list, l)
	}
	options := func(from int, find func([]byte, int) []int) {
		for _, at := range find(h, from) {
			add("Options", at, 8, 0)
		}
	}
	all := []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}
	switch l := s.Layer.(type) {
	case Ethernet:
		if l.EtherType < minEtherType {
			add("EtherType", 12, 16, 0, minEtherType-1)
			list[0].lies = slices.DeleteFunc(list[0].lies, func(n int) bool { return n >= minEtherType }) // no length
		}
	case ARP:
		add("HardwareLen", 4, 8, 0)
		add("ProtocolLen", 5, 8, 0)
	case IPv4:
		add("IHL", 0, 4, 0, all...)
		add("TotalLength", 2, 16, 0, ipv4MinLen-1, ipv4MinLen, len(h)-1, len(h))
		options(ipv4MinLen, tlvLengths)
	case IPv6:
		add("PayloadLength", 4, 16, 0)
	case IPv6HopByHop, IPv6Destination:
		add("Length", 1, 8, 0)
		options(2, ipv6Lengths)
	case IPv6Routing:
		add("Length", 1, 8, 0)
		add("SegmentsLeft", 3, 8, 0)
	case TCP:
		add("DataOffset", 12, 4, 4, all...)
		options(tcpMinLen, tlvLengths)
	case UDP:
		add("Length", 4, 16, 0, udpLen-1, udpLen)
	case NeighborSolicit, NeighborAdvert:
		options(24, ndLengths)
	case RouterSolicit:
		options(8, ndLengths)
	case RouterAdvert:
		options(16, ndLengths)
	}
	return list
}

// tlvLengths returns where the lengths of the options are that a header of IPv4
// or TCP has from byte at on: kinds 0 and 1 have none (RFC 791, RFC 9293), the
// others count kind and length in.
func tlvLengths(h []byte, at int) (list []int) {
	for at+1 < len(h) && h[at] != 0 {
		if h[at] == 1 {
			at++
			continue
		}
		list = append(list, at+1)
		if h[at+1] < 2 {
			break
		}
		at += int(h[at+1])
	}
	return list
}

// ipv6Lengths returns the same of the options of an extension header of IPv6:
// type 0 is one byte, others have type and length, which aren't counted in (RFC
// 8200 section 4.2).
func ipv6Lengths(h []byte, at int) (list []int) {
	for at+1 < len(h) {
		if h[at] == 0 {
			at++
			continue
		}
		list = append(list, at+1)
		at += 2 + int(h[at+1])
	}
	return list
}

// ndLengths returns the same of the options of neighbour discovery, of which all
// have a length, in units of 8 bytes (RFC 4861 section 4.6).
func ndLengths(h []byte, at int) (list []int) {
	for at+1 < len(h) {
		list = append(list, at+1)
		if h[at+1] == 0 {
			break
		}
		at += 8 * int(h[at+1])
	}
	return list
}

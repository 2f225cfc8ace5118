package testpkt

import (
	"errors"
	"fmt"
	"net/netip"
)

// VerifyChecksums reports which checksums of a packet, which starts with
// Ethernet, are wrong; nil if none is. It is for packets that a program has
// changed: an address is soon replaced, and a checksum soon forgotten.
//
// All checksums are verified, of tunnels too, up to a fragment or a packet that
// an ICMP error quotes: what is behind isn't whole. A UDP checksum of zero is
// none. Packets on their way to a device that computes checksums have none yet.
//
// Returns the error of [Decode] if the packet can't be decoded. Otherwise the
// error has one line for each wrong checksum.
func VerifyChecksums(pkt []byte) error {
	spans, err := Spans(pkt)
	if err != nil {
		return fmt.Errorf("verify checksums: %w", err)
	}
	v := verifier{pkt: pkt, end: len(pkt)}
	for _, s := range spans {
		if !v.layer(s) {
			break
		}
	}
	return errors.Join(v.errs...)
}

// verifier goes through the layers of a packet.
type verifier struct {
	pkt      []byte
	src, dst netip.Addr // of the nearest network layer
	end      int        // of what that carries, in bytes of pkt
	names    differ
	errs     []error
}

// layer verifies a layer, and reports whether what follows is whole.
func (v *verifier) layer(s Span) bool {
	name := v.names.name(s.Layer)
	switch l := s.Layer.(type) {
	case IPv4:
		v.verify(name, l.Checksum, 0, v.pkt[s.Start:s.End])
		v.src, v.dst, v.end = l.Src, l.Dst, s.Start+int(l.TotalLength)
		if final, ok := l.final(); ok {
			v.dst = netip.AddrFrom4([4]byte(final))
		}
		return l.FragmentOffset == 0 && l.Flags&MoreFragments == 0
	case IPv6:
		v.src, v.dst = l.Src, l.Dst
		if !l.jumbo() {
			v.end = s.End + int(l.PayloadLength)
		}
	case IPv6Routing:
		if final, ok := l.final(); ok {
			v.dst = netip.AddrFrom16([16]byte(final))
		}
	case IPv6Fragment:
		return l.Offset == 0 && !l.More
	case TCP:
		v.segment(name, l.Checksum, ProtocolTCP, s.Start, v.end)
	case UDP:
		if l.Checksum != 0 {
			v.segment(name, l.Checksum, ProtocolUDP, s.Start, s.Start+int(l.Length))
		}
	case GRE:
		if l.Flags&GREChecksum != 0 {
			v.verify(name, l.Checksum, 0, v.pkt[s.Start:v.end])
		}
	case ICMP:
		v.verify(name, l.Checksum, 0, v.pkt[s.Start:v.end])
		return !quotes4(l.Type)
	case ICMPv6:
		v.segment(name, l.Checksum, ProtocolICMPv6, s.Start, v.end)
		return !quotes6(l.Type)
	case NeighborSolicit:
		v.segment(name, l.Checksum, ProtocolICMPv6, s.Start, v.end)
	case NeighborAdvert:
		v.segment(name, l.Checksum, ProtocolICMPv6, s.Start, v.end)
	case RouterSolicit:
		v.segment(name, l.Checksum, ProtocolICMPv6, s.Start, v.end)
	case RouterAdvert:
		v.segment(name, l.Checksum, ProtocolICMPv6, s.Start, v.end)
	}
	return true
}

// segment verifies a checksum with a pseudo header.
func (v *verifier) segment(name string, checksum uint16, protocol uint8, start, end int) {
	v.verify(name, checksum, PseudoSum(v.src, v.dst, protocol, end-start), v.pkt[start:end])
}

// verify verifies the checksum that b holds; sum is that of what isn't in b.
func (v *verifier) verify(name string, checksum, sum uint16, b []byte) {
	sum = Sum(sum, b)
	if sum == 0xffff {
		return
	}
	want := ^fold(uint64(sum) + uint64(^checksum)) // of all but the checksum
	v.errs = append(v.errs, fmt.Errorf("%s.Checksum: %#04x, want %#04x", name, checksum, want))
}

package testpkt

import (
	"fmt"
	"net/netip"
	"strings"
)

// String returns a packet that starts with Ethernet in one line, about as
// tcpdump does:
//
//	IP 10.0.0.1.12345 > 10.0.0.2.80: Flags [S], seq 0, win 65535, length 0
//
// Checksums aren't verified. If the packet can't be decoded, the end of the
// line says why, in brackets.
func String(pkt []byte) string {
	layers, err := Decode(pkt)
	s := StringLayers(layers)
	if err != nil {
		s = strings.TrimSpace(fmt.Sprintf("%s [%v]", s, err))
	}
	return s
}

// StringLayers is [String] for the layers of a packet, of a [Decoder] for
// instance. Layers of other packages appear as they print.
func StringLayers(layers []Layer) string {
	layers = values(layers)
	var line strings.Builder
	sep := ""
	for i, l := range layers {
		s, after := summary(l, layers[i+1:])
		if s != "" {
			line.WriteString(sep + s)
			sep = after
		}
	}
	return line.String()
}

// summary returns a layer in a few words, and what separates it from the next.
func summary(l Layer, next []Layer) (s, sep string) {
	switch l := l.(type) {
	case Ethernet:
		return ethernetSummary(l, next), ", "
	case VLAN:
		return fmt.Sprintf("vlan %d p %d", l.ID, l.Priority), ", "
	case IPv4:
		return "IP " + flow(l.Src, l.Dst, next) + ipv4Summary(l), ": "
	case IPv6:
		return "IP6 " + flow(l.Src, l.Dst, next), ": "
	case TCP:
		return tcpSummary(l) + noData(next), ", "
	case UDP:
		return "UDP" + noData(next), ", "
	case Payload:
		return fmt.Sprintf("length %d", len(l)), ", "
	case Trailer:
		return fmt.Sprintf("trailer %d", len(l)), ", "
	}
	return summaryOther(l), ", "
}

// ethernetSummary returns the addresses of a frame whose next header has none.
func ethernetSummary(l Ethernet, next []Layer) string {
	if len(next) > 0 {
		switch next[0].(type) {
		case VLAN, IPv4, IPv6, ARP:
			return ""
		}
	}
	return fmt.Sprintf("%v > %v, ethertype %#04x", l.Src, l.Dst, l.EtherType)
}

// flow returns addresses, with ports if a transport header follows, behind
// extension headers too.
func flow(src, dst netip.Addr, next []Layer) string {
	for _, l := range next {
		switch l := l.(type) {
		case IPv6HopByHop, IPv6Destination, IPv6Routing, IPv6Fragment:
			continue
		case TCP:
			return fmt.Sprintf("%v.%d > %v.%d", src, l.SrcPort, dst, l.DstPort)
		case UDP:
			return fmt.Sprintf("%v.%d > %v.%d", src, l.SrcPort, dst, l.DstPort)
		default:
			return fmt.Sprintf("%v > %v", src, dst)
		}
	}
	return fmt.Sprintf("%v > %v", src, dst)
}

// ipv4Summary returns what is unusual about a header.
func ipv4Summary(l IPv4) string {
	var s string
	if l.FragmentOffset != 0 || l.Flags&MoreFragments != 0 {
		s = fmt.Sprintf(" frag %d offset %d", l.ID, int(l.FragmentOffset)*8)
	}
	if l.Flags&MoreFragments != 0 {
		s += " MF"
	}
	if len(l.Options) > 0 {
		s += " options " + formatBytes(l, l.Options)
	}
	return s
}

func tcpSummary(l TCP) string {
	s := fmt.Sprintf("Flags [%s], seq %d", l.Flags.letters(), l.Seq)
	if l.Flags&ACK != 0 {
		s += fmt.Sprintf(", ack %d", l.Ack)
	}
	s += fmt.Sprintf(", win %d", l.Window)
	if l.Flags&URG != 0 {
		s += fmt.Sprintf(", urg %d", l.Urgent)
	}
	if len(l.Options) > 0 {
		s += ", options " + formatBytes(l, l.Options)
	}
	return s
}

// letters returns the flags as tcpdump does, such as "S." for SYN and ACK.
func (f TCPFlags) letters() string {
	var s strings.Builder
	for _, flag := range []struct {
		flag   TCPFlags
		letter byte
	}{{FIN, 'F'}, {SYN, 'S'}, {RST, 'R'}, {PSH, 'P'}, {ACK, '.'}, {URG, 'U'}, {ECE, 'E'}, {CWR, 'W'}, {AE, 'e'}} {
		if f&flag.flag != 0 {
			s.WriteByte(flag.letter)
		}
	}
	if s.Len() == 0 {
		return "none"
	}
	return s.String()
}

// noData says that a transport header carries nothing.
func noData(next []Layer) string {
	if len(next) == 0 {
		return ", length 0"
	}
	if _, ok := next[0].(Trailer); ok {
		return ", length 0"
	}
	return ""
}

package testpkt

import (
	"fmt"
	"net/netip"
)

// summaryOther returns layers that are not on every day's packet.
func summaryOther(l Layer) string {
	switch l := l.(type) {
	case ARP:
		return arpSummary(l)
	case IPv6HopByHop:
		return "HBH " + formatBytes(l, l.Options)
	case IPv6Destination:
		return "DSTOPT " + formatBytes(l, l.Options)
	case IPv6Routing:
		return fmt.Sprintf("RT type %d segleft %d", l.Type, l.SegmentsLeft)
	case IPv6Fragment:
		return fmt.Sprintf("frag %d offset %d more %v", l.ID, int(l.Offset)*8, l.More)
	case ICMP:
		return icmpSummary(l)
	case ICMPv6:
		return icmpv6Summary(l)
	case NeighborSolicit:
		return fmt.Sprintf("ICMP6 neighbor solicitation, who has %v", l.Target) + ndSummary(l, l.Options)
	case NeighborAdvert:
		return fmt.Sprintf("ICMP6 neighbor advertisement, tgt is %v", l.Target) + ndSummary(l, l.Options)
	case RouterSolicit:
		return "ICMP6 router solicitation" + ndSummary(l, l.Options)
	case RouterAdvert:
		return fmt.Sprintf("ICMP6 router advertisement, lifetime %ds", l.Lifetime) + ndSummary(l, l.Options)
	case GRE:
		return greSummary(l)
	case VXLAN:
		return fmt.Sprintf("VXLAN vni %d", l.VNI)
	case fmt.Stringer:
		return l.String()
	}
	return fmt.Sprintf("%s %+v", layerName(l), l)
}

func arpSummary(l ARP) string {
	switch l.Operation {
	case ARPRequest:
		return fmt.Sprintf("ARP, Request who-has %v tell %v", l.Target, l.Sender)
	case ARPReply:
		return fmt.Sprintf("ARP, Reply %v is-at %v", l.Sender, l.SenderMAC)
	}
	return fmt.Sprintf("ARP, operation %d", l.Operation)
}

func icmpSummary(l ICMP) string {
	switch l.Type {
	case ICMPEchoRequest:
		return fmt.Sprintf("ICMP echo request, id %d, seq %d", l.ID, l.Seq)
	case ICMPEchoReply:
		return fmt.Sprintf("ICMP echo reply, id %d, seq %d", l.ID, l.Seq)
	case ICMPUnreachable:
		if l.Code == 4 {
			return fmt.Sprintf("ICMP unreachable, need to frag (mtu %d)", l.Seq)
		}
		return fmt.Sprintf("ICMP unreachable, code %d", l.Code)
	case ICMPTimeExceeded:
		return fmt.Sprintf("ICMP time exceeded, code %d", l.Code)
	case ICMPRedirect:
		to := netip.AddrFrom4([4]byte{byte(l.ID >> 8), byte(l.ID), byte(l.Seq >> 8), byte(l.Seq)})
		return fmt.Sprintf("ICMP redirect to %v", to)
	}
	return fmt.Sprintf("ICMP type %d, code %d", l.Type, l.Code)
}

func icmpv6Summary(l ICMPv6) string {
	switch l.Type {
	case ICMPv6EchoRequest:
		return fmt.Sprintf("ICMP6 echo request, id %d, seq %d", l.ID, l.Seq)
	case ICMPv6EchoReply:
		return fmt.Sprintf("ICMP6 echo reply, id %d, seq %d", l.ID, l.Seq)
	case ICMPv6Unreachable:
		return fmt.Sprintf("ICMP6 unreachable, code %d", l.Code)
	case ICMPv6PacketTooBig:
		return fmt.Sprintf("ICMP6 packet too big, mtu %d", uint32(l.ID)<<16|uint32(l.Seq))
	case ICMPv6TimeExceeded:
		return fmt.Sprintf("ICMP6 time exceeded, code %d", l.Code)
	}
	return fmt.Sprintf("ICMP6 type %d, code %d", l.Type, l.Code)
}

// ndSummary returns the options of a message of neighbour discovery.
func ndSummary(l Layer, options []byte) string {
	if len(options) == 0 {
		return ""
	}
	return " " + formatBytes(l, options)
}

func greSummary(l GRE) string {
	s := fmt.Sprintf("GREv%d", l.Version)
	if l.Flags&GREKey != 0 {
		s += fmt.Sprintf(", key %#x", l.Key)
	}
	if l.Flags&GRESequence != 0 {
		s += fmt.Sprintf(", seq %d", l.Seq)
	}
	return s
}

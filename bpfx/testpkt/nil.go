package testpkt

import "reflect"

// isNil reports whether l is nil or a nil pointer. Methods of the layers have
// value receivers: called on a nil pointer they panic. The layers of this
// package are told apart by type, which is quicker than reflection.
func isNil(l Layer) bool {
	switch l := l.(type) {
	case nil:
		return true
	case Ethernet, VLAN, IPv4, IPv6, TCP, UDP, Payload, Trailer,
		ARP, ICMP, ICMPv6, NeighborSolicit, NeighborAdvert, RouterSolicit, RouterAdvert,
		IPv6HopByHop, IPv6Destination, IPv6Routing, IPv6Fragment, GRE, VXLAN:
		return false
	case zeroed:
		return isNil(l.Layer)
	case *IPv4:
		return l == nil
	case *TCP:
		return l == nil
	}
	v := reflect.ValueOf(l)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

package testpkt

// store holds the layers that a [Decoder] gives out, to be used again for the
// next packet.
type store struct {
	used     used
	ethernet []Ethernet
	vlan     []VLAN
	ipv4     []IPv4
	ipv6     []IPv6
	tcp      []TCP
	udp      []UDP
	payload  Payload
	trailer  Trailer

	arp             []ARP
	icmp            []ICMP
	icmpv6          []ICMPv6
	neighborSolicit []NeighborSolicit
	neighborAdvert  []NeighborAdvert
	routerSolicit   []RouterSolicit
	routerAdvert    []RouterAdvert
	hopByHop        []IPv6HopByHop
	destination     []IPv6Destination
	routing         []IPv6Routing
	fragment        []IPv6Fragment
	gre             []GRE
	vxlan           []VXLAN
}

// used is how many of each are in use.
type used struct {
	ethernet, vlan, ipv4, ipv6, tcp, udp                         uint16
	arp, icmp, icmpv6, gre, vxlan                                uint16
	neighborSolicit, neighborAdvert, routerSolicit, routerAdvert uint16
	hopByHop, destination, routing, fragment                     uint16
}

// take returns the next element of s that isn't in use. What s held before it
// was extended stays valid, in the memory where it was.
func take[T any](s *[]T, used *uint16) *T {
	if int(*used) < len(*s) {
		*used++
		return &(*s)[*used-1]
	}
	return grow(s, used)
}

func grow[T any](s *[]T, used *uint16) *T {
	var zero T
	*s = append(*s, zero)
	*used++
	return &(*s)[*used-1]
}

// head is what a layer's decode method finds out, as [Head] without the layer.
type head struct {
	n       int // bytes of the header
	total   int // bytes of header and all it carries; 0: unknown, -1: nonsense
	space   Space
	number  uint16
	partial bool // what follows isn't whole, of a quotation or a first fragment
}

func (h *head) set(n, total int, space Space, number uint16) {
	h.n, h.total, h.space, h.number = n, total, space, number
}

// valueOf returns what a pointer to a layer of this package points to, and
// other layers as they are.
func valueOf(l Layer) Layer {
	switch l := l.(type) {
	case *Ethernet:
		return *l
	case *VLAN:
		return *l
	case *IPv4:
		return *l
	case *IPv6:
		return *l
	case *TCP:
		return *l
	case *UDP:
		return *l
	case *ARP:
		return *l
	case *ICMP:
		return *l
	case *ICMPv6:
		return *l
	case *NeighborSolicit:
		return *l
	case *NeighborAdvert:
		return *l
	case *RouterSolicit:
		return *l
	case *RouterAdvert:
		return *l
	case *IPv6HopByHop:
		return *l
	case *IPv6Destination:
		return *l
	case *IPv6Routing:
		return *l
	case *IPv6Fragment:
		return *l
	case *GRE:
		return *l
	case *VXLAN:
		return *l
	case *Payload:
		return *l
	case *Trailer:
		return *l
	}
	return l
}

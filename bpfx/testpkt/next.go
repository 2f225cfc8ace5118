package testpkt

import "fmt"

// next decodes the layer that h announces from the head of data and sets h to
// what that says. It returns nil without an error if it is a payload, and with
// an error also what layer it was to be.
func (d *Decoder) next(h *head, data []byte) (Layer, error) {
	if d.funcs != nil {
		if f, ok := d.funcs[announced{h.space, h.number}]; ok {
			return foreign(f, h, data)
		}
	}
	switch h.space {
	case SpaceEtherType:
		return d.etherType(h.number, h, data)
	case SpaceIPProtocol:
		return d.ipProtocol(h.number, h, data)
	case SpaceLinkType:
		return d.linkType(h.number, h, data)
	case SpaceUDPPort:
		return d.udpPort(h.number, h, data)
	}
	return nil, nil
}

// foreign calls f and checks what it says.
func foreign(f DecodeFunc, h *head, data []byte) (Layer, error) {
	found, err := f(data)
	if err == nil && found.Layer != nil && (found.Len < 0 || found.Len > len(data)) {
		err = fmt.Errorf("header of %d bytes in %d", found.Len, len(data))
	}
	h.set(found.Len, found.Total, found.Space, found.Number)
	return found.Layer, err
}

func (d *Decoder) linkType(n uint16, h *head, data []byte) (Layer, error) {
	switch {
	case n == LinkTypeEthernet:
		l := take(&d.ethernet, &d.used.ethernet)
		return l, l.decode(data, h)
	case n == LinkTypeIPv6, n == LinkTypeIP && len(data) > 0 && data[0]>>4 == 6:
		return d.etherType(EtherTypeIPv6, h, data)
	case n == LinkTypeIPv4, n == LinkTypeIP:
		return d.etherType(EtherTypeIPv4, h, data)
	}
	return nil, nil
}

func (d *Decoder) etherType(n uint16, h *head, data []byte) (Layer, error) {
	switch n {
	case EtherTypeIPv4:
		l := take(&d.ipv4, &d.used.ipv4)
		return l, l.decode(data, h)
	case EtherTypeIPv6:
		l := take(&d.ipv6, &d.used.ipv6)
		return l, l.decode(data, h)
	case EtherTypeVLAN, EtherTypeQinQ:
		l := take(&d.vlan, &d.used.vlan)
		return l, l.decode(data, h)
	case EtherTypeARP:
		l := take(&d.arp, &d.used.arp)
		return l, l.decode(data, h)
	}
	return nil, nil
}

func (d *Decoder) ipProtocol(n uint16, h *head, data []byte) (Layer, error) {
	switch n {
	case ProtocolTCP:
		l := take(&d.tcp, &d.used.tcp)
		return l, l.decode(data, h)
	case ProtocolUDP:
		l := take(&d.udp, &d.used.udp)
		return l, l.decode(data, h)
	case ProtocolIPv4:
		return d.etherType(EtherTypeIPv4, h, data)
	case ProtocolIPv6:
		return d.etherType(EtherTypeIPv6, h, data)
	case ProtocolICMP:
		l := take(&d.icmp, &d.used.icmp)
		return l, l.decode(data, h)
	case ProtocolGRE:
		l := take(&d.gre, &d.used.gre)
		return l, l.decode(data, h)
	case ProtocolICMPv6:
		return d.icmpv6Type(h, data)
	}
	return d.extension(n, h, data)
}

// extension decodes the extension headers of IPv6.
func (d *Decoder) extension(n uint16, h *head, data []byte) (Layer, error) {
	switch n {
	case ProtocolHopByHop:
		l := take(&d.hopByHop, &d.used.hopByHop)
		return l, l.decode(data, h)
	case ProtocolDestination:
		l := take(&d.destination, &d.used.destination)
		return l, l.decode(data, h)
	case ProtocolRouting:
		l := take(&d.routing, &d.used.routing)
		return l, l.decode(data, h)
	case ProtocolFragment:
		l := take(&d.fragment, &d.used.fragment)
		return l, l.decode(data, h)
	}
	return nil, nil
}

// icmpv6Type decodes a message of ICMPv6, which begins with its type.
func (d *Decoder) icmpv6Type(h *head, data []byte) (Layer, error) {
	var typ byte
	if len(data) > 0 {
		typ = data[0]
	}
	switch typ {
	case ICMPv6NeighborSolicit:
		l := take(&d.neighborSolicit, &d.used.neighborSolicit)
		return l, l.decode(data, h)
	case ICMPv6NeighborAdvert:
		l := take(&d.neighborAdvert, &d.used.neighborAdvert)
		return l, l.decode(data, h)
	case ICMPv6RouterSolicit:
		l := take(&d.routerSolicit, &d.used.routerSolicit)
		return l, l.decode(data, h)
	case ICMPv6RouterAdvert:
		l := take(&d.routerAdvert, &d.used.routerAdvert)
		return l, l.decode(data, h)
	}
	l := take(&d.icmpv6, &d.used.icmpv6)
	return l, l.decode(data, h)
}

func (d *Decoder) udpPort(n uint16, h *head, data []byte) (Layer, error) {
	if n == PortVXLAN {
		l := take(&d.vxlan, &d.used.vxlan)
		return l, l.decode(data, h)
	}
	return nil, nil
}

package testpkt

import "fmt"

// next decodes the layer that h announced from the head of data. It returns
// nil without an error if that is a payload, and with an error also what layer
// it was to be.
func (d *Decoder) next(h head, data []byte) (Layer, head, error) {
	if d.funcs != nil {
		if f, ok := d.funcs[announced{h.space, h.number}]; ok {
			return foreign(f, data)
		}
	}
	switch h.space {
	case SpaceLinkType:
		return d.linkType(h.number, data)
	case SpaceEtherType:
		return d.etherType(h.number, data)
	case SpaceIPProtocol:
		return d.ipProtocol(h.number, data)
	case SpaceUDPPort:
		return d.udpPort(h.number, data)
	}
	return nil, head{}, nil
}

// foreign calls f and checks what it says.
func foreign(f DecodeFunc, data []byte) (Layer, head, error) {
	h, err := f(data)
	if err == nil && h.Layer != nil && (h.Len < 0 || h.Len > len(data)) {
		err = fmt.Errorf("header of %d bytes in %d", h.Len, len(data))
	}
	return h.Layer, head{n: h.Len, total: h.Total, space: h.Space, number: h.Number}, err
}

func (d *Decoder) linkType(n uint16, data []byte) (Layer, head, error) {
	switch {
	case n == LinkTypeEthernet:
		l := take(&d.ethernet, &d.used.ethernet)
		h, err := l.decode(data)
		return l, h, err
	case n == LinkTypeIPv6, n == LinkTypeIP && len(data) > 0 && data[0]>>4 == 6:
		return d.etherType(EtherTypeIPv6, data)
	case n == LinkTypeIPv4, n == LinkTypeIP:
		return d.etherType(EtherTypeIPv4, data)
	}
	return nil, head{}, nil
}

func (d *Decoder) etherType(n uint16, data []byte) (Layer, head, error) {
	switch n {
	case EtherTypeIPv4:
		l := take(&d.ipv4, &d.used.ipv4)
		h, err := l.decode(data)
		return l, h, err
	case EtherTypeIPv6:
		l := take(&d.ipv6, &d.used.ipv6)
		h, err := l.decode(data)
		return l, h, err
	case EtherTypeVLAN, EtherTypeQinQ:
		l := take(&d.vlan, &d.used.vlan)
		h, err := l.decode(data)
		return l, h, err
	case EtherTypeARP:
		l := take(&d.arp, &d.used.arp)
		h, err := l.decode(data)
		return l, h, err
	}
	return nil, head{}, nil
}

func (d *Decoder) ipProtocol(n uint16, data []byte) (Layer, head, error) {
	switch n {
	case ProtocolTCP:
		l := take(&d.tcp, &d.used.tcp)
		h, err := l.decode(data)
		return l, h, err
	case ProtocolUDP:
		l := take(&d.udp, &d.used.udp)
		h, err := l.decode(data)
		return l, h, err
	case ProtocolIPv4:
		return d.etherType(EtherTypeIPv4, data)
	case ProtocolIPv6:
		return d.etherType(EtherTypeIPv6, data)
	case ProtocolICMP:
		l := take(&d.icmp, &d.used.icmp)
		h, err := l.decode(data)
		return l, h, err
	case ProtocolGRE:
		l := take(&d.gre, &d.used.gre)
		h, err := l.decode(data)
		return l, h, err
	case ProtocolICMPv6:
		return d.icmpv6Type(data)
	}
	return d.extension(n, data)
}

// extension decodes the extension headers of IPv6.
func (d *Decoder) extension(n uint16, data []byte) (Layer, head, error) {
	switch n {
	case ProtocolHopByHop:
		l := take(&d.hopByHop, &d.used.hopByHop)
		h, err := l.decode(data)
		return l, h, err
	case ProtocolDestination:
		l := take(&d.destination, &d.used.destination)
		h, err := l.decode(data)
		return l, h, err
	case ProtocolRouting:
		l := take(&d.routing, &d.used.routing)
		h, err := l.decode(data)
		return l, h, err
	case ProtocolFragment:
		l := take(&d.fragment, &d.used.fragment)
		h, err := l.decode(data)
		return l, h, err
	}
	return nil, head{}, nil
}

// icmpv6Type decodes a message of ICMPv6, which begins with its type.
func (d *Decoder) icmpv6Type(data []byte) (Layer, head, error) {
	var typ byte
	if len(data) > 0 {
		typ = data[0]
	}
	switch typ {
	case ICMPv6NeighborSolicit:
		l := take(&d.neighborSolicit, &d.used.neighborSolicit)
		h, err := l.decode(data)
		return l, h, err
	case ICMPv6NeighborAdvert:
		l := take(&d.neighborAdvert, &d.used.neighborAdvert)
		h, err := l.decode(data)
		return l, h, err
	case ICMPv6RouterSolicit:
		l := take(&d.routerSolicit, &d.used.routerSolicit)
		h, err := l.decode(data)
		return l, h, err
	case ICMPv6RouterAdvert:
		l := take(&d.routerAdvert, &d.used.routerAdvert)
		h, err := l.decode(data)
		return l, h, err
	}
	l := take(&d.icmpv6, &d.used.icmpv6)
	h, err := l.decode(data)
	return l, h, err
}

func (d *Decoder) udpPort(n uint16, data []byte) (Layer, head, error) {
	if n == PortVXLAN {
		l := take(&d.vxlan, &d.used.vxlan)
		h, err := l.decode(data)
		return l, h, err
	}
	return nil, head{}, nil
}

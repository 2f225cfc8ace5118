package testpkt

// commonLayers are the headers that nearly all frames begin with. They have a
// place of their own, since finding one among others takes time.
type commonLayers struct {
	ethernet Ethernet
	vlan     VLAN
	ipv4     IPv4
	ipv6     IPv6
	tcp      TCP
	udp      UDP
}

// commonRoom is how many layers decode appends at most.
const commonRoom = 4

// decode decodes common headers from pkt[off:] without the detours that any
// layer may need, in half the time. It appends them to layers and starts, which
// have room, and stops before what is unusual or wrong: h says what that was
// announced as. It returns where it stopped, the end that the lengths give, in
// bytes of pkt, and how many layers it found.
func (c *commonLayers) decode(pkt []byte, off int, h *head, layers []Layer, starts []int) (at, end, n int) {
	layers, starts = layers[len(layers):len(layers)+commonRoom], starts[len(starts):len(starts)+commonRoom]
	end = len(pkt)
	if err := c.ethernet.decode(pkt[off:], h); err != nil || h.total != 0 {
		h.set(0, 0, SpaceLinkType, LinkTypeEthernet)
		return off, end, 0
	}
	layers[0], starts[0], n = &c.ethernet, off, 1
	off += ethernetLen
	if h.number == EtherTypeVLAN {
		if err := c.vlan.decode(pkt[off:], h); err != nil {
			h.set(0, 0, SpaceEtherType, EtherTypeVLAN)
			return off, end, n
		}
		layers[1], starts[1], n = &c.vlan, off, 2
		off += vlanLen
	}
	ip := c.decodeIP(pkt[off:], h)
	if ip == nil {
		return off, end, n
	}
	layers[n], starts[n], n = ip, off, n+1
	off, end = off+h.n, off+h.total
	if l := c.decodeTransport(pkt[off:end:end], h); l != nil {
		layers[n], starts[n], n = l, off, n+1
		off += h.n
	}
	return off, end, n
}

func (c *commonLayers) decodeIP(data []byte, h *head) Layer {
	is, partial := h.number, h.partial
	switch is {
	case EtherTypeIPv4:
		if err := c.ipv4.decode(data, h); err == nil && h.total >= h.n && h.total <= len(data) {
			return &c.ipv4
		}
	case EtherTypeIPv6:
		if err := c.ipv6.decode(data, h); err == nil && h.total >= h.n && h.total <= len(data) {
			return &c.ipv6
		}
	}
	*h = head{space: SpaceEtherType, number: is, partial: partial}
	return nil
}

func (c *commonLayers) decodeTransport(data []byte, h *head) Layer {
	if h.space != SpaceIPProtocol {
		return nil
	}
	is := h.number
	switch is {
	case ProtocolTCP:
		if err := c.tcp.decode(data, h); err == nil {
			return &c.tcp
		}
	case ProtocolUDP:
		if err := c.udp.decode(data, h); err == nil && h.total == len(data) {
			return &c.udp
		}
	}
	h.set(0, 0, SpaceIPProtocol, is)
	return nil
}

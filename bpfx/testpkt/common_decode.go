package testpkt

import "encoding/binary"

// commonLayers are the headers that nearly all frames begin with. They have a
// place of their own, since finding one among others takes time.
type commonLayers struct {
	ethernet Ethernet
	vlan     VLAN
	ipv4     IPv4
	ipv6     IPv6
	tcp      TCP
	udp      UDP
	vxlan    VXLAN
}

// commonRoom is how many layers decode finds at most.
const commonRoom = 5

// decode decodes common headers from pkt[off:] without the detours that any
// layer may need, in half the time. It puts them into layers, and where they are
// into starts, and stops before what is unusual or wrong, or before a frame in
// VXLAN: h says what that was announced as. It returns where it stopped, the end
// that the lengths give, in bytes of pkt, and how many layers it found.
func (c *commonLayers) decode(pkt []byte, off int, h *head, layers *[commonRoom]Layer, starts *[commonRoom]int) (at, end, n int) {
	end = len(pkt)
	if len(pkt)-off < ethernetLen {
		return off, end, 0
	}
	c.ethernet.read((*[ethernetLen]byte)(pkt[off:]))
	typ := c.ethernet.EtherType
	if typ < minEtherType {
		return off, end, 0
	}
	layers[0], starts[0], n = &c.ethernet, off, 1
	off += ethernetLen
	if typ == EtherTypeVLAN && len(pkt)-off >= vlanLen {
		c.vlan.read((*[vlanLen]byte)(pkt[off:]))
		typ = c.vlan.EtherType
		layers[1], starts[1], n = &c.vlan, off, 2
		off += vlanLen
	}
	ip, size, total, protocol := c.decodeIP(pkt[off:], typ)
	if ip == nil {
		h.set(0, 0, SpaceEtherType, typ)
		return off, end, n
	}
	layers[n], starts[n], n = ip, off, n+1
	off, end = off+size, off+total
	l, size := c.decodeTransport(pkt[off:end:end], protocol, h)
	if l == nil {
		h.set(0, 0, SpaceIPProtocol, uint16(protocol))
		return off, end, n
	}
	layers[n], starts[n], n = l, off, n+1
	off += size
	if h.space == SpaceUDPPort && h.number == PortVXLAN && end-off >= vxlanLen {
		c.vxlan.read((*[vxlanLen]byte)(pkt[off:]))
		layers[n], starts[n], n = &c.vxlan, off, n+1
		h.space, h.number = SpaceLinkType, LinkTypeEthernet
		off += vxlanLen
	}
	return off, end, n
}

// decodeIP returns a whole IP header, the bytes that it and its packet take, and
// what it announces; nil if it isn't common.
func (c *commonLayers) decodeIP(b []byte, typ uint16) (l Layer, size, total int, protocol uint8) {
	switch {
	case typ == EtherTypeIPv4 && len(b) >= ipv4MinLen:
		h := (*[ipv4MinLen]byte)(b)
		size, total = int(h[0]&0xf)*4, int(binary.BigEndian.Uint16(h[2:]))
		if size < ipv4MinLen || total < size || total > len(b) || binary.BigEndian.Uint16(h[6:])&0x3fff != 0 {
			return nil, 0, 0, 0
		}
		c.ipv4.read(h)
		if size > ipv4MinLen {
			c.ipv4.Options = b[ipv4MinLen:size:size]
		}
		return &c.ipv4, size, total, h[9]
	case typ == EtherTypeIPv6 && len(b) >= ipv6Len:
		h := (*[ipv6Len]byte)(b)
		total = ipv6Len + int(binary.BigEndian.Uint16(h[4:]))
		if total > len(b) || h[6] == ProtocolHopByHop {
			return nil, 0, 0, 0
		}
		c.ipv6.read(h)
		return &c.ipv6, ipv6Len, total, h[6]
	}
	return nil, 0, 0, 0
}

// decodeTransport returns a TCP or UDP header and its bytes, nil if there is
// none or it isn't common. Then h says what follows.
func (c *commonLayers) decodeTransport(b []byte, protocol uint8, h *head) (l Layer, size int) {
	switch {
	case protocol == ProtocolTCP && len(b) >= tcpMinLen:
		if size = int(b[12]>>4) * 4; size < tcpMinLen || size > len(b) {
			return nil, 0
		}
		c.tcp.read((*[tcpMinLen]byte)(b))
		if size > tcpMinLen {
			c.tcp.Options = b[tcpMinLen:size:size]
		}
		h.space, h.number = SpaceTCPPort, c.tcp.DstPort
		return &c.tcp, size
	case protocol == ProtocolUDP && len(b) >= udpLen && int(binary.BigEndian.Uint16(b[4:])) == len(b):
		c.udp.read((*[udpLen]byte)(b))
		h.space, h.number = SpaceUDPPort, c.udp.DstPort
		return &c.udp, udpLen
	}
	return nil, 0
}

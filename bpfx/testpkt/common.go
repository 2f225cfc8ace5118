package testpkt

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// Nearly all packets of tests are Ethernet, tags, IP, TCP or UDP and a payload
// with little that isn't default. They are built here in one pass, with lengths
// and sums known before a byte is written: in half the time that layers take
// that call each other. All that is unusual, and all that is wrong, is left to
// the layers.

// appendCommon appends layers to buf if they are a common packet, and returns
// nil if they aren't.
func appendCommon(buf []byte, layers []Layer) []byte {
	var data []byte
	n := len(layers)
	if p, ok := layers[n-1].(Payload); ok {
		data = p
		n--
	}
	if n < 3 || len(data) > 0xffff-ipv4MinLen-tcpMinLen {
		return nil
	}
	layers = layers[:n]
	switch l := layers[n-1].(type) {
	case *TCP:
		return appendCommonTCP(buf, layers, l, data)
	case TCP:
		return appendCommonTCP(buf, layers, &l, data)
	case *UDP:
		return appendCommonUDP(buf, layers, l, data)
	case UDP:
		return appendCommonUDP(buf, layers, &l, data)
	}
	return nil
}

func appendCommonTCP(buf []byte, layers []Layer, l *TCP, data []byte) []byte {
	if l == nil || l.Exact || l.DataOffset != 0 || l.Flags > 0xfff || l.Checksum != 0 || len(l.Options) != 0 {
		return nil
	}
	b, sum := appendCommonIP(buf, layers, ProtocolTCP, tcpMinLen+len(data))
	if b == nil {
		return nil
	}
	r0 := fillPorts(uint32(l.SrcPort)<<16|uint32(l.DstPort), 0)
	r3 := 5<<28 | uint32(l.Flags)<<16 | uint32(l.Window)
	if l.Window == 0 {
		r3 |= 0xffff
	}
	r4 := uint32(l.Urgent)
	sum += uint64(r0) + uint64(l.Seq) + uint64(l.Ack) + uint64(r3) + uint64(r4)
	r4 |= uint32(checksumAfter(sum, data)) << 16
	h := (*[tcpMinLen]byte)(b[len(b)-tcpMinLen-len(data):])
	binary.BigEndian.PutUint64(h[0:], uint64(r0)<<32|uint64(l.Seq))
	binary.BigEndian.PutUint64(h[8:], uint64(l.Ack)<<32|uint64(r3))
	binary.BigEndian.PutUint32(h[16:], r4)
	copy(b[len(b)-len(data):], data)
	return b
}

func appendCommonUDP(buf []byte, layers []Layer, l *UDP, data []byte) []byte {
	if l == nil || l.Exact || l.Length|l.Checksum != 0 {
		return nil
	}
	b, sum := appendCommonIP(buf, layers, ProtocolUDP, udpLen+len(data))
	if b == nil {
		return nil
	}
	r0 := fillPorts(uint32(l.SrcPort)<<16|uint32(l.DstPort), 0)
	r1 := uint32(udpLen+len(data)) << 16
	check := checksumAfter(sum+uint64(r0)+uint64(r1), data)
	if check == 0 {
		check = 0xffff // zero means that there is no checksum, RFC 768
	}
	h := (*[udpLen]byte)(b[len(b)-udpLen-len(data):])
	binary.BigEndian.PutUint64(h[0:], uint64(r0)<<32|uint64(r1)|uint64(check))
	copy(b[len(b)-len(data):], data)
	return b
}

// appendCommonIP appends all headers but the last of layers, and room for a
// segment of n bytes. It returns the sum of the pseudo header too.
func appendCommonIP(buf []byte, layers []Layer, protocol, n int) ([]byte, uint64) {
	switch l := layers[len(layers)-2].(type) {
	case *IPv4:
		return appendCommon4(buf, layers[:len(layers)-2], l, protocol, n)
	case IPv4:
		return appendCommon4(buf, layers[:len(layers)-2], &l, protocol, n)
	case *IPv6:
		return appendCommon6(buf, layers[:len(layers)-2], l, protocol, n)
	case IPv6:
		return appendCommon6(buf, layers[:len(layers)-2], &l, protocol, n)
	}
	return nil, 0
}

func appendCommon4(buf []byte, layers []Layer, l *IPv4, protocol, n int) ([]byte, uint64) {
	if l == nil || l.Exact || l.Version|l.IHL|l.Protocol|uint8(l.Flags&^DontFragment) != 0 ||
		l.TotalLength|l.Checksum|l.FragmentOffset != 0 || len(l.Options) != 0 || notIPv4(l.Src) || notIPv4(l.Dst) {
		return nil, 0
	}
	b := appendCommonLink(buf, layers, EtherTypeIPv4, ipv4MinLen+n)
	if b == nil {
		return nil, 0
	}
	src, dst, ttl := uint32(10<<24|1), uint32(10<<24|2), uint32(l.TTL)
	if l.Src.Is4() {
		src = be32(l.Src)
	}
	if l.Dst.Is4() {
		dst = be32(l.Dst)
	}
	if ttl == 0 {
		ttl = 64
	}
	addrs := uint64(src) + uint64(dst)
	r0 := 0x45<<24 | uint32(l.TOS)<<16 | uint32(ipv4MinLen+n)
	r1 := uint32(l.ID)<<16 | uint32(l.Flags)<<13
	r2 := ttl<<24 | uint32(protocol)<<16
	r2 |= uint32(^fold(uint64(r0) + uint64(r1) + uint64(r2) + addrs))
	h := (*[ipv4MinLen]byte)(b[len(b)-n-ipv4MinLen:])
	binary.BigEndian.PutUint64(h[0:], uint64(r0)<<32|uint64(r1))
	binary.BigEndian.PutUint64(h[8:], uint64(r2)<<32|uint64(src))
	binary.BigEndian.PutUint32(h[16:], dst)
	return b, addrs + uint64(protocol) + uint64(n)
}

func appendCommon6(buf []byte, layers []Layer, l *IPv6, protocol, n int) ([]byte, uint64) {
	if l == nil || l.Exact || l.Version|l.NextHeader != 0 || l.PayloadLength != 0 ||
		l.FlowLabel > 0xfffff || l.Src.IsValid() && notIPv6(l.Src) || l.Dst.IsValid() && notIPv6(l.Dst) {
		return nil, 0
	}
	b := appendCommonLink(buf, layers, EtherTypeIPv6, ipv6Len+n)
	if b == nil {
		return nil, 0
	}
	hops := uint64(l.HopLimit)
	if hops == 0 {
		hops = 64
	}
	row := 6<<28 | uint64(l.TrafficClass)<<20 | uint64(l.FlowLabel)
	s0, s1 := addrWords(&l.Src, 1)
	d0, d1 := addrWords(&l.Dst, 2)
	h := (*[ipv6Len]byte)(b[len(b)-n-ipv6Len:])
	binary.BigEndian.PutUint64(h[0:], row<<32|uint64(n)<<16|uint64(protocol)<<8|hops)
	binary.BigEndian.PutUint64(h[8:], s0)
	binary.BigEndian.PutUint64(h[16:], s1)
	binary.BigEndian.PutUint64(h[24:], d0)
	binary.BigEndian.PutUint64(h[32:], d1)
	const low = 1<<32 - 1
	sum := s0>>32 + s0&low + s1>>32 + s1&low + d0>>32 + d0&low + d1>>32 + d1&low
	return b, sum + uint64(protocol) + uint64(n)
}

// addrWords returns the halves of an IPv6 address, by default fd00:: and last.
func addrWords(addr *netip.Addr, last uint64) (hi, lo uint64) {
	if !addr.IsValid() {
		return 0xfd << 56, last
	}
	a := addr.As16()
	return binary.BigEndian.Uint64(a[0:]), binary.BigEndian.Uint64(a[8:])
}

// appendCommonLink appends an Ethernet header, tags, and room for a packet of n
// bytes that carried announces.
func appendCommonLink(buf []byte, layers []Layer, carried uint16, n int) []byte {
	var l *Ethernet
	switch eth := layers[0].(type) {
	case *Ethernet:
		l = eth
	case Ethernet:
		l = &eth
	}
	if l == nil || l.Exact || l.EtherType != 0 {
		return nil
	}
	tags := layers[1:]
	start := len(buf)
	n += ethernetLen + vlanLen*len(tags)
	b := slices.Grow(buf, n)[:start+n]
	if len(tags) > 0 {
		if carried = putTags(b[start+ethernetLen:], tags, carried); carried == 0 {
			return nil
		}
	}
	dst, src := l.Dst.uint64(), l.Src.uint64()
	if dst == 0 {
		dst = 2
	}
	if src == 0 {
		src = 1
	}
	h := (*[ethernetLen]byte)(b[start:])
	binary.BigEndian.PutUint64(h[0:], dst<<16|src>>32)
	binary.BigEndian.PutUint32(h[8:], uint32(src))
	binary.BigEndian.PutUint16(h[12:], carried)
	return b
}

// putTags puts tags before what typ announces, and returns the EtherType that
// announces them, 0 if they aren't common.
func putTags(b []byte, tags []Layer, typ uint16) uint16 {
	for i := len(tags) - 1; i >= 0; i-- {
		var tag *VLAN
		switch l := tags[i].(type) {
		case *VLAN:
			tag = l
		case VLAN:
			tag = &l
		}
		if tag == nil || tag.Exact || tag.EtherType != 0 || tag.Priority > 7 || tag.ID > 0xfff {
			return 0
		}
		binary.BigEndian.PutUint32(b[vlanLen*i:], uint32(tag.tci())<<16|uint32(typ))
		if typ = EtherTypeQinQ; i == len(tags)-1 {
			typ = EtherTypeVLAN
		}
	}
	return typ
}

package testpkt

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

const arpLen = 28 // bytes, for Ethernet and IPv4

// Operations of ARP (RFC 826).
const (
	ARPRequest = 1
	ARPReply   = 2
)

// ARP is an ARP packet of 28 bytes, for IPv4 on Ethernet (RFC 826).
type ARP struct {
	HardwareType uint16 // zero: 1, Ethernet
	ProtocolType uint16 // EtherType; zero: that of IPv4
	HardwareLen  uint8  // of a hardware address, in bytes; zero: 6
	ProtocolLen  uint8  // of a protocol address, in bytes; zero: 4
	Operation    uint16 // zero: [ARPRequest]

	SenderMAC MAC        // zero: 00:00:00:00:00:01
	Sender    netip.Addr // zero Addr: 10.0.0.1
	TargetMAC MAC        // zero: in a request it is unknown and stays zero, else 00:00:00:00:00:02
	Target    netip.Addr // zero Addr: 10.0.0.2

	// Exact leaves zero fields zero, and a zero Addr becomes 0.0.0.0.
	Exact bool
}

// Append implements [Layer].
func (l ARP) Append(b []byte, p Place) ([]byte, error) {
	if notIPv4(l.Sender) {
		return b, p.Errorf("Sender", "%v is not an IPv4 address", l.Sender)
	}
	if notIPv4(l.Target) {
		return b, p.Errorf("Target", "%v is not an IPv4 address", l.Target)
	}
	if !l.Exact {
		if !p.carriesNothing() {
			return b, p.Errorf("", "%s cannot follow: ARP carries nothing, padding is a Trailer", layerName(p.Next()))
		}
		l.fill()
	}
	be := binary.BigEndian
	b = be.AppendUint16(b, l.HardwareType)
	b = be.AppendUint16(b, l.ProtocolType)
	b = append(b, l.HardwareLen, l.ProtocolLen)
	b = be.AppendUint16(b, l.Operation)
	b = append(b, l.SenderMAC[:]...)
	b = be.AppendUint32(b, be32(l.Sender))
	b = append(b, l.TargetMAC[:]...)
	b = be.AppendUint32(b, be32(l.Target))
	return p.AppendNext(b)
}

// fill sets zero fields to their defaults.
func (l *ARP) fill() {
	setDefault(&l.HardwareType, 1)
	setDefault(&l.ProtocolType, EtherTypeIPv4)
	setDefault(&l.HardwareLen, 6)
	setDefault(&l.ProtocolLen, 4)
	setDefault(&l.Operation, ARPRequest)
	setDefault(&l.SenderMAC, MAC{5: 1})
	setDefault(&l.Sender, defaultSrc4)
	setDefault(&l.Target, defaultDst4)
	if l.Operation != ARPRequest {
		setDefault(&l.TargetMAC, MAC{5: 2})
	}
}

// Number implements [Layer].
func (l ARP) Number(s Space) (uint16, bool) {
	return EtherTypeARP, s == SpaceEtherType
}

func (l *ARP) decode(b []byte, next *head) error {
	if len(b) < 8 {
		return tooShort(arpLen)
	}
	if b[4] != 6 || b[5] != 4 {
		return fmt.Errorf("HardwareLen, ProtocolLen: %d, %d, want 6, 4", b[4], b[5])
	}
	if len(b) < arpLen {
		return tooShort(arpLen)
	}
	h := (*[arpLen]byte)(b)
	be := binary.BigEndian
	*l = ARP{
		HardwareType: be.Uint16(h[0:]), ProtocolType: be.Uint16(h[2:]),
		HardwareLen: h[4], ProtocolLen: h[5], Operation: be.Uint16(h[6:]),
		SenderMAC: MAC(h[8:14]), Sender: netip.AddrFrom4([4]byte(h[14:18])),
		TargetMAC: MAC(h[18:24]), Target: netip.AddrFrom4([4]byte(h[24:28])),
		Exact: true,
	}
	next.set(arpLen, arpLen, 0, 0)
	return nil
}

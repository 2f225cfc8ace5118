package testpkt_test

import (
	"math/rand/v2"
	"net/netip"

	"github.com/bpfx/go/bpfx/testpkt"
)

// randomStack returns layers in a possible order with random fields, from
// Ethernet to a payload of any length, odd ones too.
func randomStack(r *rand.Rand) []testpkt.Layer {
	layers := []testpkt.Layer{testpkt.Ethernet{Dst: randomMAC(r), Src: randomMAC(r)}}
	for range r.IntN(3) {
		layers = append(layers, testpkt.VLAN{
			Priority: uint8(r.IntN(8)), DropEligible: r.IntN(2) == 0, ID: uint16(1 + r.IntN(4094)),
		})
	}
	for range 1 + r.IntN(3) { // more than one: IP in IP
		if r.IntN(2) == 0 {
			layers = append(layers, randomIPv4(r))
		} else {
			layers = append(layers, randomIPv6(r))
		}
	}
	if r.IntN(2) == 0 {
		layers = append(layers, randomTCP(r))
	} else {
		layers = append(layers, testpkt.UDP{SrcPort: randomPort(r), DstPort: randomPort(r)})
	}
	return append(layers, testpkt.Payload(randomBytes(r, r.IntN(1600))))
}

func randomIPv4(r *rand.Rand) testpkt.IPv4 {
	ip := testpkt.IPv4{TOS: uint8(r.Uint32()), ID: uint16(r.Uint32()), TTL: uint8(r.Uint32())}
	if r.IntN(2) == 0 {
		ip.Flags = testpkt.DontFragment
	}
	if r.IntN(2) == 0 {
		ip.Src = netip.AddrFrom4([4]byte(randomBytes(r, 4)))
		ip.Dst = netip.AddrFrom4([4]byte(randomBytes(r, 4)))
	}
	for range r.IntN(38) { // no operation, then padding
		ip.Options = append(ip.Options, 1)
	}
	return ip
}

func randomIPv6(r *rand.Rand) testpkt.IPv6 {
	ip := testpkt.IPv6{TrafficClass: uint8(r.Uint32()), FlowLabel: r.Uint32N(1 << 20), HopLimit: uint8(r.Uint32())}
	if r.IntN(2) == 0 {
		ip.Src = netip.AddrFrom16([16]byte(randomBytes(r, 16)))
		ip.Dst = netip.AddrFrom16([16]byte(randomBytes(r, 16)))
	}
	return ip
}

func randomTCP(r *rand.Rand) testpkt.TCP {
	tcp := testpkt.TCP{
		SrcPort: randomPort(r), DstPort: randomPort(r),
		Seq: r.Uint32(), Ack: r.Uint32(),
		Flags:  testpkt.ACK | testpkt.TCPFlags(r.UintN(2))*testpkt.PSH,
		Window: uint16(r.Uint32()),
	}
	if r.IntN(2) == 0 {
		tcp.Options = append(tcp.Options, 1, 1, 8, 10) // timestamps
		tcp.Options = append(tcp.Options, randomBytes(r, 8)...)
	}
	for range r.IntN(20) {
		tcp.Options = append(tcp.Options, 1)
	}
	return tcp
}

// randomPort returns 0, the default, or a port that tshark knows no protocol for.
func randomPort(r *rand.Rand) uint16 {
	if r.IntN(8) == 0 {
		return 0
	}
	return 61000 + uint16(r.IntN(4000))
}

func randomMAC(r *rand.Rand) testpkt.MAC {
	m := testpkt.MAC(randomBytes(r, 6))
	m[0] &^= 1 // no group address
	return m
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

package pktgen

import (
	"math/rand/v2"
	"net/netip"

	"github.com/bpfx/go/bpfx/testpkt"
)

// ARP returns a random request or reply.
func ARP(r *rand.Rand) testpkt.ARP {
	return testpkt.ARP{
		Operation: uint16(1 + r.IntN(2)),
		SenderMAC: MAC(r), Sender: addr4(r), TargetMAC: MAC(r), Target: addr4(r),
	}
}

// IPv4 returns a random header, with options and not a fragment.
func IPv4(r *rand.Rand) testpkt.IPv4 {
	ip := testpkt.IPv4{TOS: uint8(r.Uint32()), ID: uint16(r.Uint32()), TTL: uint8(r.Uint32())}
	if r.IntN(2) == 0 {
		ip.Flags = testpkt.DontFragment
	}
	if r.IntN(2) == 0 {
		ip.Src, ip.Dst = addr4(r), addr4(r)
	}
	switch r.IntN(4) {
	case 0:
		for range r.IntN(38) { // no operation, then padding
			ip.Options = append(ip.Options, 1)
		}
	case 1:
		ip.Options = testpkt.Options(testpkt.RouterAlert(0), testpkt.IPv4Route{Addrs: []netip.Addr{addr4(r), addr4(r)}})
	}
	return ip
}

// IPv6 returns a random header.
func IPv6(r *rand.Rand) testpkt.IPv6 {
	ip := testpkt.IPv6{TrafficClass: uint8(r.Uint32()), FlowLabel: r.Uint32N(1 << 20), HopLimit: uint8(r.Uint32())}
	if r.IntN(2) == 0 {
		ip.Src, ip.Dst = addr6(r), addr6(r)
	}
	return ip
}

// extensions returns extension headers in the order that RFC 8200 recommends.
func extensions(r *rand.Rand) []testpkt.Layer {
	var layers []testpkt.Layer
	if r.IntN(8) == 0 {
		layers = append(layers, testpkt.IPv6HopByHop{Options: testpkt.Options(testpkt.IPv6RouterAlert(r.IntN(2)))})
	}
	if r.IntN(8) == 0 {
		layers = append(layers, testpkt.IPv6Routing{
			Type: testpkt.RoutingSegments, SegmentsLeft: uint8(r.IntN(3)), Data: testpkt.SegmentList(addr6(r), addr6(r), addr6(r)),
		})
	}
	if r.IntN(8) == 0 {
		layers = append(layers, testpkt.IPv6Fragment{ID: r.Uint32()}) // of one fragment
	}
	if r.IntN(8) == 0 {
		layers = append(layers, testpkt.IPv6Destination{Options: testpkt.Options(testpkt.Pad(r.IntN(20)))})
	}
	return layers
}

// TCP returns a random header with options.
func TCP(r *rand.Rand) testpkt.TCP {
	tcp := testpkt.TCP{
		SrcPort: Port(r), DstPort: Port(r),
		Seq: r.Uint32(), Ack: r.Uint32(),
		Flags:  testpkt.ACK | testpkt.TCPFlags(r.UintN(2))*testpkt.PSH,
		Window: uint16(r.Uint32()),
	}
	switch r.IntN(4) {
	case 0:
		tcp.Flags |= testpkt.SYN
		tcp.Options = testpkt.Options(
			testpkt.MSS(r.Uint32()), testpkt.SACKPermitted{}, testpkt.Timestamps{Value: r.Uint32(), Echo: r.Uint32()},
			testpkt.NoOperation{}, testpkt.WindowScale(r.IntN(15)),
		)
	case 1:
		tcp.Options = testpkt.Options(
			testpkt.NoOperation{}, testpkt.NoOperation{}, testpkt.Timestamps{Value: r.Uint32(), Echo: r.Uint32()},
			testpkt.SACK{{Left: tcp.Ack + 1000, Right: tcp.Ack + 2000}},
		)
	case 2:
		for range r.IntN(20) {
			tcp.Options = append(tcp.Options, 1)
		}
	}
	return tcp
}

// GRE returns a random header, with each of its parts or without.
func GRE(r *rand.Rand) testpkt.GRE {
	var gre testpkt.GRE
	if r.IntN(2) == 0 {
		gre.Flags |= testpkt.GREChecksum
	}
	if r.IntN(2) == 0 {
		gre.Flags, gre.Key = gre.Flags|testpkt.GREKey, r.Uint32()
	}
	if r.IntN(2) == 0 {
		gre.Flags, gre.Seq = gre.Flags|testpkt.GRESequence, r.Uint32()
	}
	return gre
}

// neighbor returns a random message of neighbour discovery.
func neighbor(r *rand.Rand) testpkt.Layer {
	source := testpkt.SourceLinkAddr(MAC(r))
	switch r.IntN(4) {
	case 0:
		return testpkt.NeighborSolicit{Target: addr6(r), Options: testpkt.Options(source)}
	case 1:
		return testpkt.NeighborAdvert{
			Router: r.IntN(2) == 0, Solicited: true, Override: r.IntN(2) == 0,
			Target: addr6(r), Options: testpkt.Options(testpkt.TargetLinkAddr(MAC(r))),
		}
	case 2:
		return testpkt.RouterSolicit{}
	}
	return testpkt.RouterAdvert{
		HopLimit: 64, Flags: testpkt.ManagedAddresses, Lifetime: uint16(r.Uint32()), Reachable: r.Uint32(),
		Options: testpkt.Options(source, testpkt.MTU(1500), testpkt.PrefixInfo{
			Prefix: netip.PrefixFrom(addr6(r), 64).Masked(), Flags: testpkt.OnLink | testpkt.Autonomous, Valid: 100, Preferred: 50,
		}),
	}
}

// Port returns 0, the default, or a port that no decoder knows.
func Port(r *rand.Rand) uint16 {
	if r.IntN(8) == 0 {
		return 0
	}
	return 61000 + uint16(r.IntN(4000))
}

// MAC returns a random address that is none of a group.
func MAC(r *rand.Rand) testpkt.MAC {
	m := testpkt.MAC(Bytes(r, 6))
	m[0] &^= 1
	return m
}

func addr4(r *rand.Rand) netip.Addr { return netip.AddrFrom4([4]byte(Bytes(r, 4))) }

func addr6(r *rand.Rand) netip.Addr { return netip.AddrFrom16([16]byte(Bytes(r, 16))) }

// Bytes returns n random bytes.
func Bytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

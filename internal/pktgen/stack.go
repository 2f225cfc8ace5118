package pktgen

import (
	"math/rand/v2"

	"github.com/bpfx/go/bpfx/testpkt"
)

// Stack returns layers in a possible order with random fields, from Ethernet to
// a payload of any length, odd ones too. Headers say what follows them, and
// payloads aren't announced as what they are not.
func Stack(r *rand.Rand) []testpkt.Layer {
	layers := frame(r, 0)
	if r.IntN(8) == 0 {
		layers = append(layers, testpkt.Trailer(Bytes(r, 1+r.IntN(20))))
	}
	return layers
}

// frame returns a frame, in depth tunnels.
func frame(r *rand.Rand, depth int) []testpkt.Layer {
	layers := []testpkt.Layer{testpkt.Ethernet{Dst: MAC(r), Src: MAC(r)}}
	for range r.IntN(3) {
		layers = append(layers, testpkt.VLAN{
			Priority: uint8(r.IntN(8)), DropEligible: r.IntN(2) == 0, ID: uint16(1 + r.IntN(4094)),
		})
	}
	if r.IntN(16) == 0 {
		return append(layers, ARP(r))
	}
	return append(layers, packet(r, depth)...)
}

// packet returns a packet from its IP header on, in depth tunnels.
func packet(r *rand.Rand, depth int) []testpkt.Layer {
	var layers []testpkt.Layer
	v6 := r.IntN(2) == 0
	if v6 {
		layers = append(layers, IPv6(r))
		layers = append(layers, extensions(r)...)
	} else {
		layers = append(layers, IPv4(r))
	}
	if depth < 2 && r.IntN(3) == 0 {
		return append(layers, tunnel(r, depth+1)...)
	}
	layers = append(layers, transport(r, v6)...)
	if carriesNothing(layers[len(layers)-1]) {
		return layers
	}
	return append(layers, testpkt.Payload(Bytes(r, r.IntN(1200))))
}

// tunnel returns what is in an IP packet that is a tunnel.
func tunnel(r *rand.Rand, depth int) []testpkt.Layer {
	switch r.IntN(4) {
	case 0:
		return packet(r, depth) // IP in IP
	case 1:
		return append([]testpkt.Layer{GRE(r)}, packet(r, depth)...)
	case 2:
		return append([]testpkt.Layer{GRE(r)}, frame(r, depth)...)
	}
	outer := []testpkt.Layer{
		testpkt.UDP{SrcPort: 50000 + uint16(r.IntN(1000))},
		testpkt.VXLAN{VNI: r.Uint32N(1 << 24)},
	}
	return append(outer, frame(r, depth)...)
}

// transport returns a header after an IP header, and the packet that an error
// quotes.
func transport(r *rand.Rand, v6 bool) []testpkt.Layer {
	switch n := r.IntN(8); {
	case n < 3:
		return []testpkt.Layer{TCP(r)}
	case n < 6:
		return []testpkt.Layer{testpkt.UDP{SrcPort: Port(r), DstPort: Port(r)}}
	case v6 && n == 6:
		return []testpkt.Layer{neighbor(r)}
	case v6 && r.IntN(2) == 0:
		return []testpkt.Layer{
			testpkt.ICMPv6{Type: testpkt.ICMPv6PacketTooBig, Seq: 1280 + uint16(r.IntN(1000))},
			IPv6(r), TCP(r),
		}
	case v6:
		return []testpkt.Layer{
			testpkt.ICMPv6{Type: testpkt.ICMPv6EchoRequest + uint8(r.IntN(2)), ID: uint16(r.Uint32()), Seq: uint16(r.Uint32())},
		}
	case n == 6:
		return []testpkt.Layer{
			testpkt.ICMP{Type: testpkt.ICMPUnreachable, Code: uint8(r.IntN(4))},
			IPv4(r), testpkt.UDP{SrcPort: Port(r), DstPort: Port(r)},
		}
	}
	return []testpkt.Layer{
		testpkt.ICMP{Type: testpkt.ICMPEchoRequest * uint8(r.IntN(2)), ID: uint16(r.Uint32()), Seq: uint16(r.Uint32())},
	}
}

// carriesNothing reports whether no payload can follow l.
func carriesNothing(l testpkt.Layer) bool {
	switch l.(type) {
	case testpkt.NeighborSolicit, testpkt.NeighborAdvert, testpkt.RouterSolicit, testpkt.RouterAdvert:
		return true
	}
	return false
}

package testpkt_test

import (
	"net/netip"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
)

// TestDecodeLayerErrors is TestDecodeErrors for the layers that aren't in every
// packet.
func TestDecodeLayerErrors(t *testing.T) {
	eth, ip4, ip6 := testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.IPv6{}
	build := testpkt.MustBuild
	tests := []struct {
		name   string
		pkt    []byte
		want   string
		layers string
	}{
		{"ARP cut off", build(eth, testpkt.ARP{})[:30], "decode ARP at byte 14: header of 28 bytes is cut off", "Ethernet Payload"},
		{"ARP lengths cut off", build(eth, testpkt.ARP{})[:20], "decode ARP at byte 14: header of 28 bytes is cut off", "Ethernet Payload"},
		{"ARP of other addresses", build(eth, testpkt.ARP{HardwareLen: 20}), "decode ARP at byte 14: HardwareLen, ProtocolLen: 20, 4, want 6, 4", "Ethernet Payload"},
		{"ICMP cut off", build(eth, testpkt.IPv4{Protocol: 1}, testpkt.Payload("1234567")), "decode ICMP at byte 34: header of 8 bytes is cut off", "Ethernet IPv4 Payload"},
		{"no ICMPv6", build(eth, testpkt.IPv6{NextHeader: 58}), "decode ICMPv6 at byte 54: header of 8 bytes is cut off", "Ethernet IPv6"},
		{"ICMPv6 cut off", build(eth, testpkt.IPv6{NextHeader: 58}, testpkt.Payload("1234567")), "decode ICMPv6 at byte 54: header of 8 bytes is cut off", "Ethernet IPv6 Payload"},
		{"solicitation cut off", build(eth, testpkt.IPv6{NextHeader: 58}, testpkt.Payload{135, 0, 0, 0}), "decode NeighborSolicit at byte 54: header of 24 bytes is cut off", "Ethernet IPv6 Payload"},
		{"advertisement cut off", build(eth, testpkt.IPv6{NextHeader: 58}, testpkt.Payload{136}), "decode NeighborAdvert at byte 54: header of 24 bytes is cut off", "Ethernet IPv6 Payload"},
		{"router solicitation cut off", build(eth, testpkt.IPv6{NextHeader: 58}, testpkt.Payload{133}), "decode RouterSolicit at byte 54: header of 8 bytes is cut off", "Ethernet IPv6 Payload"},
		{"router advertisement cut off", build(eth, testpkt.IPv6{NextHeader: 58}, testpkt.Payload{134}), "decode RouterAdvert at byte 54: header of 16 bytes is cut off", "Ethernet IPv6 Payload"},
		{"GRE cut off", build(eth, testpkt.IPv4{Protocol: 47}, testpkt.Payload("123")), "decode GRE at byte 34: header of 4 bytes is cut off", "Ethernet IPv4 Payload"},
		{"GRE key cut off", build(eth, ip4, testpkt.GRE{Key: 1, Protocol: 1})[:40], "decode IPv4 at byte 14: length of 28 bytes, but there are 26", "Ethernet IPv4 Payload"},
		{"GRE key isn't there", build(eth, testpkt.IPv4{Protocol: 47}, testpkt.Payload{0x20, 0, 0, 0}), "decode GRE at byte 34: header of 8 bytes is cut off", "Ethernet IPv4 Payload"},
		{"GRE with routing", build(eth, ip4, testpkt.GRE{Flags: 1 << 11}), "decode GRE at byte 34: routing information is not supported", "Ethernet IPv4 Payload"},
		{"VXLAN cut off", build(eth, ip4, testpkt.UDP{DstPort: 4789}, testpkt.Payload("1234567")), "decode VXLAN at byte 42: header of 8 bytes is cut off", "Ethernet IPv4 UDP Payload"},
		{"nothing in VXLAN", build(eth, ip4, testpkt.UDP{}, testpkt.VXLAN{}), "decode Ethernet at byte 50: header of 14 bytes is cut off", "Ethernet IPv4 UDP VXLAN"},
		{"hop-by-hop cut off", build(eth, testpkt.IPv6{NextHeader: 0}, testpkt.IPv6HopByHop{})[:60], "decode IPv6 at byte 14: length of 48 bytes, but there are 46", "Ethernet IPv6 Payload"},
		{"hop-by-hop too long", build(eth, ip6, testpkt.IPv6HopByHop{Length: 1}), "decode IPv6HopByHop at byte 54: header of 16 bytes is cut off", "Ethernet IPv6 Payload"},
		{"destination options too long", build(eth, ip6, testpkt.IPv6Destination{Length: 255}), "decode IPv6Destination at byte 54: header of 2048 bytes is cut off", "Ethernet IPv6 Payload"},
		{"routing too long", build(eth, ip6, testpkt.IPv6Routing{Length: 2}), "decode IPv6Routing at byte 54: header of 24 bytes is cut off", "Ethernet IPv6 Payload"},
		{"fragment cut off", build(eth, testpkt.IPv6{NextHeader: 44}, testpkt.Payload("1234567")), "decode IPv6Fragment at byte 54: header of 8 bytes is cut off", "Ethernet IPv6 Payload"},
		{"IPv4 where IPv6 should be, cut off", build(eth, ip6, testpkt.ICMPv6{Type: 1}, testpkt.IPv4{TotalLength: 19}), "", "Ethernet IPv6 ICMPv6 Payload"},
		{"lie in a quotation", build(eth, ip4, testpkt.ICMP{Type: 3}, testpkt.IPv4{TotalLength: 19}), "decode IPv4 at byte 42: length of 19 bytes is less than the header's 20", "Ethernet IPv4 ICMP IPv4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layers, err := testpkt.Decode(tt.pkt)
			if (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
				t.Errorf("Decode() = error %v, want %q", err, tt.want)
			}
			if got := names(layers); got != tt.layers {
				t.Errorf("Decode() = %s, want %s", got, tt.layers)
			}
			checkDecoded(t, tt.pkt)
		})
	}
}

// TestDecodeQuotations decodes ICMP errors that quote less than whole packets.
func TestDecodeQuotations(t *testing.T) {
	eth, ip4, ip6 := testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.IPv6{}
	quoted := testpkt.MustBuild(testpkt.IPv4{}, testpkt.TCP{}, testpkt.Payload("data"))
	quoted6 := testpkt.MustBuild(testpkt.IPv6{}, testpkt.IPv6Destination{}, testpkt.UDP{}, testpkt.Payload("data"))
	tests := []struct {
		name string
		pkt  []byte
		want string
	}{
		{"whole", testpkt.MustBuild(eth, ip4, testpkt.ICMP{Type: 3}, testpkt.Payload(quoted)), "Ethernet IPv4 ICMP IPv4 TCP Payload"},
		{"8 bytes of TCP", testpkt.MustBuild(eth, ip4, testpkt.ICMP{Type: 11}, testpkt.Payload(quoted[:28])), "Ethernet IPv4 ICMP IPv4 Payload"},
		{"no header", testpkt.MustBuild(eth, ip4, testpkt.ICMP{Type: 12}, testpkt.Payload(quoted[:9])), "Ethernet IPv4 ICMP Payload"},
		{"nothing", testpkt.MustBuild(eth, ip4, testpkt.ICMP{Type: 5}), "Ethernet IPv4 ICMP"},
		{"echo with a packet in it", testpkt.MustBuild(eth, ip4, testpkt.ICMP{}, testpkt.Payload(quoted)), "Ethernet IPv4 ICMP Payload"},
		{"UDP cut off", testpkt.MustBuild(eth, ip6, testpkt.ICMPv6{Type: 4}, testpkt.Payload(quoted6[:57])), "Ethernet IPv6 ICMPv6 IPv6 IPv6Destination UDP Payload"},
		{"options cut off", testpkt.MustBuild(eth, ip6, testpkt.ICMPv6{Type: 2}, testpkt.Payload(quoted6[:45])), "Ethernet IPv6 ICMPv6 IPv6 Payload"},
		{"jumbogram", testpkt.MustBuild(eth, testpkt.IPv6{Exact: true, Version: 6}, testpkt.IPv6HopByHop{NextHeader: 59, Options: testpkt.Options(testpkt.Jumbo(70000))}), "Ethernet IPv6 IPv6HopByHop"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layers, err := testpkt.Decode(tt.pkt)
			if got := names(layers); got != tt.want || err != nil {
				t.Errorf("Decode() = %s, %v, want %s", got, err, tt.want)
			}
			checkDecoded(t, tt.pkt)
		})
	}
}

// TestFinalDestination4 checks which destination the pseudo header has with
// options of IPv4.
func TestFinalDestination4(t *testing.T) {
	src, dst := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	hops := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}
	nop, alert := testpkt.NoOperation{}, testpkt.RouterAlert(0)
	tests := []struct {
		name    string
		options []testpkt.Option
		want    netip.Addr
	}{
		{"loose route", []testpkt.Option{nop, testpkt.IPv4Route{Kind: testpkt.LooseRoute, Addrs: hops}}, hops[1]},
		{"strict route", []testpkt.Option{alert, testpkt.IPv4Route{Kind: testpkt.StrictRoute, Pointer: 8, Addrs: hops}}, hops[1]},
		{"used up", []testpkt.Option{testpkt.IPv4Route{Kind: testpkt.LooseRoute, Pointer: 12, Addrs: hops}}, dst},
		{"recorded route", []testpkt.Option{testpkt.IPv4Route{Addrs: hops}, alert}, dst},
		{"no addresses", []testpkt.Option{testpkt.IPv4Route{Kind: testpkt.LooseRoute}, alert}, dst},
		{"behind the end", []testpkt.Option{testpkt.EndOfOptions{}, testpkt.IPv4Route{Kind: testpkt.LooseRoute, Addrs: hops}}, dst},
		{"too long", []testpkt.Option{testpkt.RawBytes{131, 12, 4, 192, 0, 2, 1}}, dst},
		{"of length 0", []testpkt.Option{testpkt.RawBytes{148, 0, 131, 7, 4, 192, 0, 2, 1}}, dst},
	}
	for _, tt := range tests {
		pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{Options: testpkt.Options(tt.options...)}, testpkt.UDP{}, testpkt.Payload("x"))
		segment := pkt[len(pkt)-9:]
		if got := testpkt.Sum(testpkt.PseudoSum(src, tt.want, 17, 9), segment); got != 0xffff {
			t.Errorf("%s: sum over the datagram to %v = %#04x, want 0xffff", tt.name, tt.want, got)
		}
		if err := testpkt.VerifyChecksums(pkt); err != nil {
			t.Errorf("%s: VerifyChecksums() = %v", tt.name, err)
		}
	}
}

// TestFinalDestination checks which destination the pseudo header has.
func TestFinalDestination(t *testing.T) {
	src, dst := netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
	a, final := netip.MustParseAddr("2001:db8::a"), netip.MustParseAddr("2001:db8::f")
	tests := []struct {
		name    string
		routing testpkt.Layer
		want    netip.Addr
	}{
		{"source route", testpkt.IPv6Routing{SegmentsLeft: 1, Data: testpkt.SourceRoute(a, final)}, final},
		{"home address", &testpkt.IPv6Routing{Type: testpkt.RoutingMobile, SegmentsLeft: 1, Data: testpkt.SourceRoute(final)}, final},
		{"segments", testpkt.IPv6Routing{Type: testpkt.RoutingSegments, SegmentsLeft: 2, Data: testpkt.SegmentList(a, final)}, final},
		{"no segments left", testpkt.IPv6Routing{Type: testpkt.RoutingSegments, Data: testpkt.SegmentList(a, final)}, dst},
		{"unknown type", testpkt.IPv6Routing{Type: 99, SegmentsLeft: 1, Data: testpkt.SourceRoute(a)}, dst},
		{"no address", testpkt.IPv6Routing{SegmentsLeft: 1, Data: make([]byte, 19)}, dst},
		{"half an address more", testpkt.IPv6Routing{SegmentsLeft: 1, Data: append(testpkt.SourceRoute(final), make([]byte, 8)...)}, final},
	}
	for _, tt := range tests {
		for _, before := range [][]testpkt.Layer{nil, {testpkt.IPv6HopByHop{}}, {&testpkt.IPv6Destination{}}} {
			layers := append([]testpkt.Layer{testpkt.IPv6{}}, before...)
			pkt := testpkt.MustBuild(append(layers, tt.routing, testpkt.UDP{}, testpkt.Payload("x"))...)
			segment := pkt[len(pkt)-9:]
			if got := testpkt.Sum(testpkt.PseudoSum(src, tt.want, 17, 9), segment); got != 0xffff {
				t.Errorf("%s: sum over the datagram to %v = %#04x, want 0xffff", tt.name, tt.want, got)
			}
		}
	}
}

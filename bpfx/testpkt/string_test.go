package testpkt_test

import (
	"net/netip"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
)

func TestString(t *testing.T) {
	eth, ip4, ip6, data := testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.IPv6{}, testpkt.Payload("data")
	addr := netip.MustParseAddr
	tests := []struct {
		layers []testpkt.Layer
		want   string
	}{
		{[]testpkt.Layer{eth, data}, "00:00:00:00:00:01 > 00:00:00:00:00:02, ethertype 0x88b5, length 4"},
		{[]testpkt.Layer{eth, testpkt.ARP{}}, "ARP, Request who-has 10.0.0.2 tell 10.0.0.1"},
		{[]testpkt.Layer{eth, testpkt.ARP{Operation: 2}}, "ARP, Reply 10.0.0.1 is-at 00:00:00:00:00:01"},
		{[]testpkt.Layer{eth, testpkt.ARP{Operation: 3}}, "ARP, operation 3"},
		{
			[]testpkt.Layer{eth, ip4, testpkt.TCP{Flags: testpkt.SYN, Options: testpkt.Options(testpkt.MSS(1460))}},
			"IP 10.0.0.1.12345 > 10.0.0.2.80: Flags [S], seq 0, win 65535, options [mss 1460], length 0",
		},
		{
			[]testpkt.Layer{eth, testpkt.VLAN{ID: 7}, ip6, testpkt.TCP{Flags: testpkt.ACK | testpkt.PSH | testpkt.URG, Ack: 1, Urgent: 2}, data, testpkt.Trailer("crc!")},
			"vlan 7 p 0, IP6 fd00::1.12345 > fd00::2.80: Flags [P.U], seq 0, ack 1, win 65535, urg 2, length 4, trailer 4",
		},
		{[]testpkt.Layer{eth, ip4, testpkt.UDP{}, testpkt.Trailer("x")}, "IP 10.0.0.1.12345 > 10.0.0.2.80: UDP, length 0, trailer 1"},
		{[]testpkt.Layer{eth, ip4, testpkt.TCP{}}, "IP 10.0.0.1.12345 > 10.0.0.2.80: Flags [none], seq 0, win 65535, length 0"},
		{
			[]testpkt.Layer{eth, testpkt.IPv4{Flags: testpkt.MoreFragments, FragmentOffset: 2, ID: 5, Options: testpkt.Options(testpkt.RouterAlert(0))}, data},
			"IP 10.0.0.1 > 10.0.0.2 frag 5 offset 16 MF options [RA]: length 4",
		},
		{
			[]testpkt.Layer{
				eth, ip6, testpkt.IPv6HopByHop{}, testpkt.IPv6Routing{Type: 4, Data: testpkt.SegmentList(addr("::1"))},
				testpkt.IPv6Fragment{ID: 8}, testpkt.IPv6Destination{}, testpkt.UDP{}, data,
			},
			"IP6 fd00::1.12345 > fd00::2.80: HBH [pad6], RT type 4 segleft 0, frag 8 offset 0 more false, DSTOPT [pad6], UDP, length 4",
		},
		{[]testpkt.Layer{eth, ip4, testpkt.ICMP{Type: 8, ID: 1, Seq: 2}, data}, "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 4"},
		{[]testpkt.Layer{eth, ip4, testpkt.ICMP{}}, "IP 10.0.0.1 > 10.0.0.2: ICMP echo reply, id 0, seq 0"},
		{
			[]testpkt.Layer{eth, ip4, testpkt.ICMP{Type: 3, Code: 1}, testpkt.IPv4{Src: addr("192.0.2.1")}, testpkt.UDP{}},
			"IP 10.0.0.1 > 10.0.0.2: ICMP unreachable, code 1, IP 192.0.2.1.12345 > 10.0.0.2.80: UDP, length 0",
		},
		{[]testpkt.Layer{eth, ip4, testpkt.ICMP{Type: 3, Code: 4, Seq: 1400}}, "IP 10.0.0.1 > 10.0.0.2: ICMP unreachable, need to frag (mtu 1400)"},
		{[]testpkt.Layer{eth, ip4, testpkt.ICMP{Type: 5, ID: 0xc000, Seq: 0x0201}}, "IP 10.0.0.1 > 10.0.0.2: ICMP redirect to 192.0.2.1"},
		{[]testpkt.Layer{eth, ip4, testpkt.ICMP{Type: 11}}, "IP 10.0.0.1 > 10.0.0.2: ICMP time exceeded, code 0"},
		{[]testpkt.Layer{eth, ip4, testpkt.ICMP{Type: 13}}, "IP 10.0.0.1 > 10.0.0.2: ICMP type 13, code 0"},
		{[]testpkt.Layer{eth, ip6, testpkt.ICMPv6{ID: 1, Seq: 2}}, "IP6 fd00::1 > fd00::2: ICMP6 echo request, id 1, seq 2"},
		{[]testpkt.Layer{eth, ip6, testpkt.ICMPv6{Type: 129}}, "IP6 fd00::1 > fd00::2: ICMP6 echo reply, id 0, seq 0"},
		{[]testpkt.Layer{eth, ip6, testpkt.ICMPv6{Type: 1, Code: 4}}, "IP6 fd00::1 > fd00::2: ICMP6 unreachable, code 4"},
		{[]testpkt.Layer{eth, ip6, testpkt.ICMPv6{Type: 2, ID: 1, Seq: 2}}, "IP6 fd00::1 > fd00::2: ICMP6 packet too big, mtu 65538"},
		{[]testpkt.Layer{eth, ip6, testpkt.ICMPv6{Type: 3}}, "IP6 fd00::1 > fd00::2: ICMP6 time exceeded, code 0"},
		{[]testpkt.Layer{eth, ip6, testpkt.ICMPv6{Type: 200}}, "IP6 fd00::1 > fd00::2: ICMP6 type 200, code 0"},
		{
			[]testpkt.Layer{eth, ip6, testpkt.NeighborSolicit{Options: testpkt.Options(testpkt.SourceLinkAddr{5: 1})}},
			"IP6 fd00::1 > fd00::2: ICMP6 neighbor solicitation, who has fd00::2 [source 00:00:00:00:00:01]",
		},
		{[]testpkt.Layer{eth, ip6, testpkt.NeighborAdvert{}}, "IP6 fd00::1 > fd00::2: ICMP6 neighbor advertisement, tgt is fd00::1"},
		{[]testpkt.Layer{eth, ip6, testpkt.RouterSolicit{}}, "IP6 fd00::1 > fd00::2: ICMP6 router solicitation"},
		{[]testpkt.Layer{eth, ip6, testpkt.RouterAdvert{}}, "IP6 fd00::1 > fd00::2: ICMP6 router advertisement, lifetime 1800s"},
		{
			[]testpkt.Layer{eth, ip4, testpkt.GRE{Key: 5, Seq: 6}, ip4, data},
			"IP 10.0.0.1 > 10.0.0.2: GREv0, key 0x5, seq 6, IP 10.0.0.1 > 10.0.0.2: length 4",
		},
		{
			[]testpkt.Layer{eth, ip4, testpkt.UDP{}, testpkt.VXLAN{VNI: 7}, eth, ip4, testpkt.UDP{}},
			"IP 10.0.0.1.12345 > 10.0.0.2.4789: UDP, VXLAN vni 7, IP 10.0.0.1.12345 > 10.0.0.2.80: UDP, length 0",
		},
	}
	for _, tt := range tests {
		if got := testpkt.String(testpkt.MustBuild(tt.layers...)); got != tt.want {
			t.Errorf("String() = %s\nwant %s", got, tt.want)
		}
	}
	pkt := testpkt.MustBuild(eth, ip4, testpkt.TCP{})
	if got, want := testpkt.String(pkt[:50]), "IP 10.0.0.1 > 10.0.0.2: length 16 [decode IPv4 at byte 14: length of 40 bytes, but there are 36]"; got != want {
		t.Errorf("String() = %s\nwant %s", got, want)
	}
	if got, want := testpkt.String(nil), "[decode Ethernet at byte 0: header of 14 bytes is cut off]"; got != want {
		t.Errorf("String(nil) = %s\nwant %s", got, want)
	}
	if got, want := testpkt.StringLayers([]testpkt.Layer{shim{}, label(3)}), "testpkt_test.shim {Src:invalid IP Dst:invalid IP}, testpkt_test.label 3"; got != want {
		t.Errorf("StringLayers() = %s\nwant %s", got, want)
	}
}

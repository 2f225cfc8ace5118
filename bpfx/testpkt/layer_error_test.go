package testpkt_test

import (
	"net/netip"

	"github.com/bpfx/go/bpfx/testpkt"
)

// layerErrorTests are for the layers that aren't in every packet.
func layerErrorTests() []errorTest {
	var (
		eth, ip4, ip6, tcp, udp = testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.IPv6{}, testpkt.TCP{}, testpkt.UDP{}

		first  = testpkt.IPv4{Flags: testpkt.MoreFragments}
		first6 = testpkt.IPv6Fragment{More: true}
		v4     = netip.MustParseAddr("192.0.2.1")
		v6     = netip.MustParseAddr("2001:db8::1")
	)
	data := func(n int) testpkt.Payload { return make(testpkt.Payload, n) }
	return []errorTest{
		{"ARP in IPv4", []testpkt.Layer{ip4, testpkt.ARP{}}, "0 (IPv4): Protocol: ARP cannot follow"},
		{"payload in ARP", []testpkt.Layer{eth, testpkt.ARP{}, data(1)}, "1 (ARP): Payload cannot follow: ARP carries nothing, padding is a Trailer"},
		{"IPv6 sender in ARP", []testpkt.Layer{testpkt.ARP{Sender: v6}}, "0 (ARP): Sender: 2001:db8::1 is not an IPv4"},
		{"IPv6 target in ARP", []testpkt.Layer{testpkt.ARP{Target: v6}}, "0 (ARP): Target"},

		{"ICMP on Ethernet", []testpkt.Layer{eth, testpkt.ICMP{}}, "0 (Ethernet): EtherType: ICMP cannot follow"},
		{"TCP in ICMP", []testpkt.Layer{ip4, testpkt.ICMP{}, tcp}, "1 (ICMP): TCP cannot follow"},
		{"UDP in ICMPv6", []testpkt.Layer{ip6, testpkt.ICMPv6{}, udp}, "1 (ICMPv6): UDP cannot follow"},
		{"ICMPv6 alone", []testpkt.Layer{testpkt.ICMPv6{}}, "0 (ICMPv6): Checksum: no IPv4 or IPv6"},
		{"ND alone", []testpkt.Layer{testpkt.RouterSolicit{}}, "0 (RouterSolicit): Checksum: no IPv4 or IPv6"},
		{"payload in ND", []testpkt.Layer{ip6, testpkt.NeighborSolicit{}, data(8)}, "1 (NeighborSolicit): Payload cannot follow: only options"},
		{"ND options", []testpkt.Layer{ip6, testpkt.RouterAdvert{Options: data(7)}}, "1 (RouterAdvert): Options: 7 bytes, not a multiple of 8"},
		{"IPv4 target in ND", []testpkt.Layer{ip6, testpkt.NeighborAdvert{Target: v4}}, "1 (NeighborAdvert): Target: 192.0.2.1 is not an IPv6"},
		{"zone in ND", []testpkt.Layer{ip6, testpkt.NeighborSolicit{Target: v6.WithZone("x")}}, "1 (NeighborSolicit): Target"},
		{"ND reserved", []testpkt.Layer{ip6, testpkt.NeighborAdvert{Reserved: 1 << 29}}, "1 (NeighborAdvert): Reserved"},

		{"TCP in GRE", []testpkt.Layer{ip4, testpkt.GRE{}, tcp}, "1 (GRE): Protocol: TCP cannot follow"},
		{"GRE flags", []testpkt.Layer{ip4, testpkt.GRE{Flags: 1 << 13}}, "1 (GRE): Flags"},
		{"GRE version", []testpkt.Layer{ip4, testpkt.GRE{Version: 8}}, "1 (GRE): Version"},
		{"GRE key without flag", []testpkt.Layer{ip4, testpkt.GRE{Key: 1, Exact: true}}, "1 (GRE): Key: set, but"},
		{"GRE checksum without flag", []testpkt.Layer{testpkt.GRE{Checksum: 1, Exact: true}}, "0 (GRE): Checksum"},
		{"GRE reserved without flag", []testpkt.Layer{testpkt.GRE{Reserved: 1, Exact: true}}, "0 (GRE): Reserved"},
		{"GRE sequence without flag", []testpkt.Layer{testpkt.GRE{Seq: 1, Exact: true}}, "0 (GRE): Seq"},
		{"IPv4 in VXLAN", []testpkt.Layer{ip4, udp, testpkt.VXLAN{}, ip4}, "2 (VXLAN): IPv4 cannot follow: VXLAN carries Ethernet"},
		{"VXLAN in TCP", []testpkt.Layer{ip4, tcp, testpkt.VXLAN{}, eth}, "1 (TCP): DstPort: VXLAN cannot follow"},
		{"VNI", []testpkt.Layer{testpkt.VXLAN{VNI: 1 << 24}}, "0 (VXLAN): VNI"},
		{"VXLAN reserved", []testpkt.Layer{testpkt.VXLAN{Reserved: 1 << 24}}, "0 (VXLAN): Reserved"},

		{"extension header on Ethernet", []testpkt.Layer{eth, testpkt.IPv6HopByHop{}}, "0 (Ethernet): EtherType: IPv6HopByHop cannot follow"},
		{"VLAN in an extension header", []testpkt.Layer{ip6, testpkt.IPv6HopByHop{}, testpkt.VLAN{}}, "1 (IPv6HopByHop): NextHeader: VLAN cannot follow"},
		{"Ethernet in a routing header", []testpkt.Layer{ip6, testpkt.IPv6Routing{}, eth}, "1 (IPv6Routing): NextHeader"},
		{"Ethernet in a fragment", []testpkt.Layer{ip6, testpkt.IPv6Fragment{}, eth}, "1 (IPv6Fragment): NextHeader"},
		{"hop-by-hop options", []testpkt.Layer{ip6, testpkt.IPv6HopByHop{Options: data(2047)}}, "1 (IPv6HopByHop): Options: 2047 bytes, at most 2046"},
		{"destination options", []testpkt.Layer{ip6, testpkt.IPv6Destination{Options: data(2047)}}, "1 (IPv6Destination): Options"},
		{"routing data", []testpkt.Layer{ip6, testpkt.IPv6Routing{Data: data(2045)}}, "1 (IPv6Routing): Data"},
		{"fragment offset", []testpkt.Layer{ip6, testpkt.IPv6Fragment{Offset: 1 << 13}}, "1 (IPv6Fragment): Offset"},
		{"fragment reserved", []testpkt.Layer{ip6, testpkt.IPv6Fragment{Reserved2: 4}}, "1 (IPv6Fragment): Reserved2"},

		{"TCP in a first fragment", []testpkt.Layer{first, tcp}, "1 (TCP): Checksum: depends on data in other fragments"},
		{"UDP in a first fragment", []testpkt.Layer{first, udp}, "1 (UDP): Length: depends on data in other fragments"},
		{"UDP with a length in a first fragment", []testpkt.Layer{first, testpkt.UDP{Length: 9}}, "1 (UDP): Checksum: depends"},
		{"ICMP in a first fragment", []testpkt.Layer{first, testpkt.ICMP{}}, "1 (ICMP): Checksum: depends"},
		{"ICMPv6 in a first fragment", []testpkt.Layer{ip6, first6, testpkt.ICMPv6{}}, "2 (ICMPv6): Checksum: depends"},
		{"GRE in a first fragment", []testpkt.Layer{first, testpkt.GRE{Flags: testpkt.GREChecksum}}, "1 (GRE): Checksum: depends"},
		{"IPv4 in a first fragment", []testpkt.Layer{first, ip4}, "1 (IPv4): TotalLength: depends"},
		{"IPv6 in a first fragment", []testpkt.Layer{ip6, first6, ip6}, "2 (IPv6): PayloadLength: depends"},
		{"tunnel in a first fragment", []testpkt.Layer{first, ip6, tcp}, "2 (TCP): Checksum: depends"},

		{"trailer not last", []testpkt.Layer{eth, testpkt.Trailer("x"), ip4}, "1 (Trailer): IPv4 cannot follow: a trailer is last"},
		{"two trailers", []testpkt.Layer{eth, testpkt.Trailer("x"), testpkt.Trailer("y")}, "1 (Trailer): Trailer cannot follow"},
		{"nil layer with zeros", []testpkt.Layer{eth, testpkt.Zero(nil)}, "1 (zeroed): nil layer"},
		{"nil pointer to ARP", []testpkt.Layer{eth, (*testpkt.ARP)(nil)}, "1 (ARP): nil layer"},
		{"nil pointer to a payload", []testpkt.Layer{eth, (*testpkt.Payload)(nil)}, "1 (Payload): nil layer"},
	}
}

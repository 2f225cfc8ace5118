package testpkt_test

import (
	"fmt"
	"net/netip"

	"github.com/bpfx/go/bpfx/testpkt"
)

// An ARP reply, padded to the shortest frame that Ethernet has.
func ExampleARP() {
	pkt := testpkt.MustBuild(
		testpkt.Ethernet{},
		testpkt.ARP{
			Operation: testpkt.ARPReply,
			SenderMAC: testpkt.MustParseMAC("02:00:5e:10:00:01"), Sender: netip.MustParseAddr("192.0.2.1"),
		},
		testpkt.Trailer(make([]byte, 18)),
	)
	fmt.Println(len(pkt), testpkt.String(pkt))
	// Output:
	// 60 ARP, Reply 192.0.2.1 is-at 02:00:5e:10:00:01, trailer 18
}

// An error quotes the packet that caused it: its layers follow.
func ExampleICMP_unreachable() {
	pkt := testpkt.MustBuild(
		testpkt.Ethernet{},
		testpkt.IPv4{Src: netip.MustParseAddr("192.0.2.254")},
		testpkt.ICMP{Type: testpkt.ICMPUnreachable, Code: 4, Seq: 1400}, // the MTU
		testpkt.IPv4{TotalLength: 1500, Src: netip.MustParseAddr("10.0.0.2"), Dst: netip.MustParseAddr("192.0.2.7")},
		testpkt.UDP{Length: 1480, Checksum: 0x1234}, // of the whole datagram
	)
	fmt.Println(testpkt.String(pkt))
	// Output:
	// IP 192.0.2.254 > 10.0.0.2: ICMP unreachable, need to frag (mtu 1400), IP 10.0.0.2.12345 > 192.0.2.7.80: UDP, length 0
}

// A tunnel is layers in layers; each checksum covers what is in it.
func ExampleVXLAN() {
	pkt := testpkt.MustBuild(
		testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{},
		testpkt.VXLAN{VNI: 42},
		testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.TCP{Flags: testpkt.SYN},
	)
	fmt.Println(testpkt.String(pkt))
	// Output:
	// IP 10.0.0.1.12345 > 10.0.0.2.4789: UDP, VXLAN vni 42, IP6 fd00::1.12345 > fd00::2.80: Flags [S], seq 0, win 65535, length 0
}

// A neighbour solicitation, as nodes accept it: the hop limit is 255.
func ExampleNeighborSolicit() {
	mac := testpkt.MustParseMAC("02:00:5e:10:00:01")
	pkt := testpkt.MustBuild(
		testpkt.Ethernet{Src: mac}, testpkt.IPv6{},
		testpkt.NeighborSolicit{Options: testpkt.Options(testpkt.SourceLinkAddr(mac))},
	)
	fmt.Println(testpkt.String(pkt))
	fmt.Println(testpkt.Match(pkt, testpkt.IPv6{HopLimit: 255}))
	// Output:
	// IP6 fd00::1 > fd00::2: ICMP6 neighbor solicitation, who has fd00::2 [source 02:00:5e:10:00:01]
	// <nil>
}

func ExampleOptions() {
	syn := testpkt.TCP{Flags: testpkt.SYN, Options: testpkt.Options(
		testpkt.MSS(1460),
		testpkt.SACKPermitted{},
		testpkt.Timestamps{Value: 1},
		testpkt.NoOperation{},
		testpkt.WindowScale(7),
	)}
	fmt.Printf("%x\n", syn.Options)

	options, err := testpkt.ParseTCPOptions(syn.Options)
	fmt.Println(options, err)
	// Output:
	// 020405b40402080a000000010000000001030307
	// [mss 1460 sackOK TS val 1 ecr 0 nop wscale 7] <nil>
}

// A segment routing header: while segments are left, the checksum is that of
// the final destination.
func ExampleIPv6Routing() {
	pkt := testpkt.MustBuild(
		testpkt.Ethernet{},
		testpkt.IPv6{Dst: netip.MustParseAddr("2001:db8::1")},
		testpkt.IPv6Routing{
			Type: testpkt.RoutingSegments, SegmentsLeft: 1,
			Data: testpkt.SegmentList(netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")),
		},
		testpkt.UDP{},
	)
	fmt.Println(testpkt.String(pkt))
	// Output:
	// IP6 fd00::1.12345 > 2001:db8::1.80: RT type 4 segleft 1, UDP, length 0
}

// Fragments have the checksum of the whole packet.
func ExampleFragments() {
	whole := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{ID: 7}, testpkt.UDP{}, make(testpkt.Payload, 2000))
	frags, err := testpkt.Fragments(whole, 1500)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, frag := range frags {
		fmt.Println(testpkt.String(frag))
	}
	// Output:
	// IP 10.0.0.1.12345 > 10.0.0.2.80 frag 7 offset 0 MF: UDP, length 1472
	// IP 10.0.0.1 > 10.0.0.2 frag 7 offset 1480: length 528
}

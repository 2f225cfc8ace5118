package testpkt_test

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"github.com/bpfx/go/bpfx/testpkt"
)

// fromHex returns bytes that are written in hexadecimal, spaces between them.
func fromHex(lines ...string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Join(lines, ""), " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

const (
	hexEthernet = "000000000002 000000000001 "
	hexIPv4     = " 0a000001 0a000002"
	hexIPv6     = " fd000000000000000000000000000001 fd000000000000000000000000000002"
)

// allBuildTests are packets of every layer.
var allBuildTests = slices.Concat(buildTests, layerTests)

// The expected bytes were computed by a Python script with a naive checksum.
var layerTests = []buildTest{
	{
		name:   "UDP checksum of zero in a frame",
		layers: []testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}, testpkt.Payload("\xbb\x4e")},
		want:   fromHex(hexEthernet, "0800", "4500001e 00000000 401166cd", hexIPv4, "3039 0050 000a ffff", "bb4e"),
	},
	{
		name:   "ARP request",
		layers: []testpkt.Layer{testpkt.Ethernet{}, testpkt.ARP{}},
		want: fromHex(hexEthernet, "0806",
			"0001 0800 06 04 0001", // Ethernet, IPv4, their lengths, request
			"000000000001 0a000001",
			"000000000000 0a000002",
		),
	},
	{
		name: "ARP reply",
		layers: []testpkt.Layer{
			testpkt.Ethernet{}, testpkt.ARP{Operation: testpkt.ARPReply, Target: netip.MustParseAddr("192.0.2.1")},
			testpkt.Trailer("padding"),
		},
		want: fromHex(hexEthernet, "0806",
			"0001 0800 06 04 0002",
			"000000000001 0a000001",
			"000000000002 c0000201",
			"70616464696e67",
		),
	},
	{
		name:   "ICMP echo reply",
		layers: []testpkt.Layer{testpkt.IPv4{}, testpkt.ICMP{ID: 7, Seq: 1}, testpkt.Payload("odd")},
		want:   fromHex("4500001f 00000000 400166dc", hexIPv4, "00 00 2c93 0007 0001", "6f6464"),
	},
	{
		name: "ICMP fragmentation needed",
		layers: []testpkt.Layer{
			testpkt.IPv4{}, &testpkt.ICMP{Type: testpkt.ICMPUnreachable, Code: 4, Seq: 1400},
			testpkt.IPv4{}, testpkt.UDP{},
		},
		want: fromHex("45000038 00000000 400166c3", hexIPv4,
			"03 04 0ba0 0000 0578",
			"4500001c 00000000 401166cf", hexIPv4, "3039 0050 0008 bb52",
		),
	},
	{
		name:   "ICMPv6 echo",
		layers: []testpkt.Layer{testpkt.IPv6{}, testpkt.ICMPv6{ID: 7, Seq: 1}, testpkt.Payload("x")},
		want:   fromHex("60000000 0009 3a 40", hexIPv6, "80 00 0daf 0007 0001", "78"),
	},
	{
		name: "neighbour solicitation",
		layers: []testpkt.Layer{
			testpkt.Ethernet{}, testpkt.IPv6{},
			testpkt.NeighborSolicit{Options: testpkt.Options(testpkt.SourceLinkAddr{2, 0, 0, 0, 0, 1})},
		},
		want: fromHex(hexEthernet, "86dd", "60000000 0020 3a ff", hexIPv6,
			"87 00 7e9b 00000000",
			"fd000000000000000000000000000002",
			"01 01 020000000001", // source link-layer address
		),
	},
	{
		name: "neighbour advertisement",
		layers: []testpkt.Layer{
			testpkt.IPv6{},
			testpkt.NeighborAdvert{Solicited: true, Override: true, Options: testpkt.Options(testpkt.TargetLinkAddr{2, 0, 0, 0, 0, 1})},
		},
		want: fromHex("60000000 0020 3a ff", hexIPv6,
			"88 00 1c9c 60000000", // S, O
			"fd000000000000000000000000000001",
			"02 01 020000000001", // target link-layer address
		),
	},
	{
		name:   "router solicitation",
		layers: []testpkt.Layer{testpkt.IPv6{}, testpkt.RouterSolicit{}},
		want:   fromHex("60000000 0008 3a ff", hexIPv6, "85 00 80b8 00000000"),
	},
	{
		name: "router advertisement",
		layers: []testpkt.Layer{
			testpkt.IPv6{},
			testpkt.RouterAdvert{HopLimit: 64, Flags: testpkt.ManagedAddresses, Options: testpkt.Options(
				testpkt.MTU(1400),
				testpkt.PrefixInfo{Prefix: netip.MustParsePrefix("2001:db8::/64"), Flags: testpkt.OnLink | testpkt.Autonomous, Valid: 100, Preferred: 50},
			)},
		},
		want: fromHex("60000000 0038 3a ff", hexIPv6,
			"86 00 bb73 40 80 0708 00000000 00000000",
			"05 01 0000 00000578",                                                     // MTU
			"03 04 40 c0 00000064 00000032 00000000 20010db8000000000000000000000000", // prefix
		),
	},
	{
		name: "GRE with all its parts",
		layers: []testpkt.Layer{
			testpkt.IPv4{}, testpkt.GRE{Flags: testpkt.GREChecksum, Key: 7, Seq: 9}, testpkt.IPv4{},
		},
		want: fromHex("45000038 00000000 402f6695", hexIPv4,
			"b000 0800 47ef 0000 00000007 00000009",
			"45000014 00000000 40fd65eb", hexIPv4,
		),
	},
	{
		name:   "Ethernet in GRE",
		layers: []testpkt.Layer{testpkt.IPv4{}, testpkt.GRE{}, testpkt.Ethernet{}},
		want:   fromHex("45000026 00000000 402f66a7", hexIPv4, "0000 6558", hexEthernet, "88b5"),
	},
	{
		name: "VXLAN",
		layers: []testpkt.Layer{
			testpkt.IPv6{}, testpkt.UDP{}, testpkt.VXLAN{VNI: 42},
			testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{},
		},
		want: fromHex("60000000 0046 11 40", hexIPv6, "3039 12b5 0046 9c89",
			"08 000000 00002a 00",
			hexEthernet, "0800",
			"45000028 00000000 400666ce", hexIPv4,
			"3039 0050 00000000 00000000 5000 ffff 6b59 0000",
		),
	},
	{
		name: "extension headers, final destination in the checksum",
		layers: []testpkt.Layer{
			testpkt.IPv6{},
			testpkt.IPv6HopByHop{Options: testpkt.Options(testpkt.IPv6RouterAlert(0))},
			testpkt.IPv6Routing{
				Type: testpkt.RoutingSegments, SegmentsLeft: 1,
				Data: testpkt.SegmentList(netip.MustParseAddr("fd00::2"), netip.MustParseAddr("2001:db8::f")),
			},
			testpkt.UDP{},
		},
		want: fromHex("60000000 0038 00 40", hexIPv6,
			"2b 00 0502 0000 0100", // router alert, padding
			"11 04 04 01 01 00 0000 20010db800000000000000000000000f fd000000000000000000000000000002",
			"3039 0050 0008 a48b",
		),
	},
	{
		name: "first fragment, padded options",
		layers: []testpkt.Layer{
			testpkt.IPv6{},
			testpkt.IPv6Destination{Options: testpkt.Options(testpkt.Pad(14))},
			testpkt.IPv6Fragment{More: true, ID: 7},
			testpkt.UDP{Length: 100, Checksum: 0xbad1},
		},
		want: fromHex("60000000 0020 3c 40", hexIPv6,
			"2c 01 01 0c 000000000000000000000000",
			"11 00 0001 00000007",
			"3039 0050 0064 bad1",
		),
	},
	{
		name: "exact layers",
		layers: []testpkt.Layer{
			testpkt.ARP{Exact: true}, testpkt.ICMP{Exact: true}, testpkt.ICMPv6{Exact: true}, testpkt.NeighborSolicit{Exact: true},
			testpkt.RouterAdvert{Options: []byte{1}, Exact: true}, testpkt.GRE{Exact: true}, testpkt.VXLAN{Exact: true},
			testpkt.IPv6HopByHop{Options: []byte{2}, Exact: true}, testpkt.IPv6Routing{Data: []byte{3}, Exact: true},
			testpkt.IPv6Fragment{Exact: true}, testpkt.Trailer("end"),
		},
		want: slices.Concat(
			make([]byte, 28+8+8), []byte{135}, make([]byte, 23), []byte{134}, make([]byte, 15), []byte{1}, make([]byte, 4+8),
			[]byte{0, 0, 2}, []byte{0, 0, 0, 0, 3}, make([]byte, 8), []byte("end"),
		),
	},
}

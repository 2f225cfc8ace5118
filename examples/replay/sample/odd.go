package sample

import (
	"slices"

	"github.com/bpfx/go/bpfx/testpkt"
)

var datagram = packet{testpkt.UDP{SrcPort: 40000, DstPort: 7}, testpkt.Payload("echo")} // to the echo service

// tags is packets in VLANs.
func tags() [][]byte {
	return build(
		append(packet{testpkt.VLAN{ID: 100}, to}, datagram...),
		packet{testpkt.VLAN{ID: 100, Priority: 5}, to6, testpkt.TCP{DstPort: 80, Flags: testpkt.SYN}},
		append(packet{testpkt.VLAN{ID: 7}, testpkt.VLAN{ID: 100}, to}, datagram...),
		append(packet{testpkt.VLAN{ID: 7}, testpkt.VLAN{ID: 100}, to6}, datagram...),
	)
}

// fragments is two packets, each in two.
func fragments() (list [][]byte) {
	data := testpkt.Payload(slices.Repeat([]byte("fragment"), 8))
	for _, pkt := range build(
		packet{testpkt.IPv4{Src: client, Dst: server, ID: 99}, testpkt.UDP{SrcPort: 40001, DstPort: 9}, data},
		packet{to6, testpkt.UDP{SrcPort: 40001, DstPort: 9}, data},
	) {
		parts, err := testpkt.Fragments(pkt, 88)
		if err != nil {
			panic(err) // not with these packets
		}
		list = append(list, parts...)
	}
	return list
}

// tunnels is packets in packets, and IP headers with more than the usual.
func tunnels() [][]byte {
	inner := append(packet{testpkt.IPv4{}}, datagram...) // 10.0.0.1 to 10.0.0.2
	inner6 := append(packet{testpkt.IPv6{}}, datagram...)
	return build(
		slices.Concat(packet{to, testpkt.UDP{SrcPort: 55555}, testpkt.VXLAN{VNI: 42}, testpkt.Ethernet{}}, inner),
		slices.Concat(packet{to, testpkt.GRE{}}, inner),
		slices.Concat(packet{to, testpkt.GRE{Flags: testpkt.GREChecksum, Key: 42, Seq: 1}, testpkt.Ethernet{}}, inner),
		slices.Concat(packet{to}, inner),
		slices.Concat(packet{to}, inner6),
		slices.Concat(packet{to6}, inner),
		append(packet{testpkt.IPv4{Src: client, Dst: server, Options: testpkt.Options(testpkt.RouterAlert(0))}}, datagram...),
		append(packet{to6, testpkt.IPv6HopByHop{Options: testpkt.Options(testpkt.IPv6RouterAlert(0))}}, datagram...),
		append(packet{to6, testpkt.IPv6Routing{
			Type: testpkt.RoutingSegments, SegmentsLeft: 1, Data: testpkt.SegmentList(client6, server6),
		}}, datagram...),
	)
}

// routed is a packet whose last hop this is, what the router says to that, and
// what isn't IP.
func routed() [][]byte {
	last := testpkt.IPv4{Src: client, Dst: server, TTL: 1, ID: 5}
	probe := packet{last, testpkt.UDP{SrcPort: 40002, DstPort: 33434}}
	tree := "\x42\x42\x03\x00\x00\x00\x00\x00\x80\x00\x02\x00\x00\x00\x00\x02\x00\x00\x00\x00\x80\x00\x02\x00\x00\x00\x00\x02\x80\x01\x00\x00\x14\x00\x02\x00\x0f\x00" // a spanning tree's root
	return append(build(
		probe,
		append(packet{testpkt.IPv4{Src: router, Dst: client}, testpkt.ICMP{Type: testpkt.ICMPTimeExceeded}}, probe...),
		packet{testpkt.Payload("hello, whoever reads experimental EtherTypes")},
	), testpkt.MustBuild(testpkt.Ethernet{Dst: testpkt.MustParseMAC("01:80:c2:00:00:00"), EtherType: uint16(len(tree))}, testpkt.Payload(tree)))
}

// malformed is packets with faults.
func malformed() [][]byte {
	whole := build(append(packet{to}, datagram...))[0]
	segment := testpkt.TCP{DstPort: 80, Flags: testpkt.SYN}
	tree := segment
	tree.Flags = testpkt.FIN | testpkt.SYN | testpkt.RST | testpkt.PSH | testpkt.ACK | testpkt.URG
	offset := segment
	offset.DataOffset = 2
	sum, ihl, long, version := to, to, to, to
	sum.Checksum, ihl.IHL, long.TotalLength, version.Version = 0xbad, 3, 9000, 5
	return append(build(
		packet{to, tree},
		packet{to, offset},
		packet{to, testpkt.TCP{DstPort: 80, Flags: testpkt.SYN, Checksum: 0xbad}},
		append(packet{sum}, datagram...),
		append(packet{ihl}, datagram...),
		append(packet{long}, datagram...),
		append(packet{version}, datagram...),
		packet{to, testpkt.UDP{DstPort: 7, Length: 4}, testpkt.Payload("echo")},
		packet{to, testpkt.UDP{SrcPort: 40000, DstPort: 7, Length: 12, Exact: true}, testpkt.Payload("echo")}, // no checksum: this is fine
		packet{to, testpkt.UDP{SrcPort: 40000, DstPort: 9}, make(testpkt.Payload, 1400)},                      // not captured whole
	), whole[:30], whole[:10])
}

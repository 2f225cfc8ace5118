package sample

import (
	"net/netip"

	"github.com/bpfx/go/bpfx/testpkt"
)

// Who talks: addresses for documentation (RFC 5737, RFC 3849).
var (
	client  = netip.MustParseAddr("192.0.2.10")
	router  = netip.MustParseAddr("192.0.2.1")
	server  = netip.MustParseAddr("198.51.100.80")
	names   = netip.MustParseAddr("198.51.100.53")
	client6 = netip.MustParseAddr("2001:db8:1::10")
	server6 = netip.MustParseAddr("2001:db8:2::80")
	local6  = netip.MustParseAddr("fe80::10")
	router6 = netip.MustParseAddr("fe80::1")
)

// to and from are the headers of a packet of the client and of an answer.
var (
	to    = testpkt.IPv4{Src: client, Dst: server, Flags: testpkt.DontFragment}
	from  = testpkt.IPv4{Src: server, Dst: client, Flags: testpkt.DontFragment, TTL: 57}
	to6   = testpkt.IPv6{Src: client6, Dst: server6}
	from6 = testpkt.IPv6{Src: server6, Dst: client6, HopLimit: 57}
)

// local is what stays on the link: who has which address, and pings.
func local() [][]byte {
	clientMAC, routerMAC := testpkt.MAC{5: 1}, testpkt.MAC{5: 2}
	everyone := testpkt.MustParseMAC("ff:ff:ff:ff:ff:ff")
	asked := netip.MustParseAddr("ff02::1:ff00:1") // the solicited-node group of fe80::1
	group := testpkt.MustParseMAC("33:33:ff:00:00:01")
	arp := [][]byte{
		testpkt.MustBuild(testpkt.Ethernet{Dst: everyone}, testpkt.ARP{Sender: client, Target: router}),
		testpkt.MustBuild(testpkt.Ethernet{Src: routerMAC, Dst: clientMAC}, testpkt.ARP{
			Operation: testpkt.ARPReply, SenderMAC: routerMAC, Sender: router, TargetMAC: clientMAC, Target: client,
		}),
		testpkt.MustBuild(testpkt.Ethernet{Dst: group}, testpkt.IPv6{Src: local6, Dst: asked, HopLimit: 255}, testpkt.NeighborSolicit{
			Target: router6, Options: testpkt.Options(testpkt.SourceLinkAddr(clientMAC)),
		}),
		testpkt.MustBuild(testpkt.Ethernet{Src: routerMAC, Dst: clientMAC}, testpkt.IPv6{Src: router6, Dst: local6, HopLimit: 255}, testpkt.NeighborAdvert{
			Router: true, Solicited: true, Override: true, Target: router6, Options: testpkt.Options(testpkt.TargetLinkAddr(routerMAC)),
		}),
	}
	ping := testpkt.Payload("abcdefghijklmnopqrstuvwabcdefghi")
	return append(arp, build(
		packet{testpkt.IPv4{Src: client, Dst: router}, testpkt.ICMP{Type: testpkt.ICMPEchoRequest, ID: 1, Seq: 1}, ping},
		packet{testpkt.IPv4{Src: router, Dst: client}, testpkt.ICMP{Type: testpkt.ICMPEchoReply, ID: 1, Seq: 1}, ping},
		packet{to6, testpkt.ICMPv6{Type: testpkt.ICMPv6EchoRequest, ID: 1, Seq: 1}, ping},
		packet{from6, testpkt.ICMPv6{Type: testpkt.ICMPv6EchoReply, ID: 1, Seq: 1}, ping},
	)...)
}

// query asks for the address of www.example.com, and answer has it (RFC 1035).
const (
	query  = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + question
	answer = "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + question +
		"\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\xc6\x33\x64\x50" // 198.51.100.80 for an hour
	question = "\x03www\x07example\x03com\x00\x00\x01\x00\x01"
)

// web is a page that is asked for: its host's address, a connection, the page.
func web() [][]byte {
	const port = 50123
	ask := "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n"
	page := "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"
	c := testpkt.TCP{SrcPort: port, DstPort: 80, Window: 502} // scaled by 128
	s := testpkt.TCP{SrcPort: 80, DstPort: port, Window: 509}
	// with returns t with flags and numbers.
	with := func(t testpkt.TCP, flags testpkt.TCPFlags, seq, ack int) testpkt.TCP {
		t.Flags, t.Seq, t.Ack = flags, 1000+uint32(seq), 0
		if flags&testpkt.ACK != 0 {
			t.Ack = 1000 + uint32(ack)
		}
		return t
	}
	syn := with(c, testpkt.SYN, 0, 0)
	syn.Window = 64240
	syn.Options = testpkt.Options(testpkt.MSS(1460), testpkt.SACKPermitted{}, testpkt.Timestamps{Value: 1}, testpkt.NoOperation{}, testpkt.WindowScale(7))
	synAck := with(s, testpkt.SYN|testpkt.ACK, 0, 1)
	synAck.Window = 65160
	synAck.Options = testpkt.Options(testpkt.MSS(1460), testpkt.SACKPermitted{}, testpkt.Timestamps{Value: 9, Echo: 1}, testpkt.NoOperation{}, testpkt.WindowScale(7))
	asked, sent := 1+len(ask), 1+len(page)
	pkts := build(
		packet{testpkt.IPv4{Src: client, Dst: names}, testpkt.UDP{SrcPort: 40053, DstPort: 53}, testpkt.Payload(query)},
		packet{testpkt.IPv4{Src: names, Dst: client, TTL: 60}, testpkt.UDP{SrcPort: 53, DstPort: 40053}, testpkt.Payload(answer)},
		packet{to, syn},
		packet{from, synAck},
		packet{to, with(c, testpkt.ACK, 1, 1)},
		packet{to, with(c, testpkt.PSH|testpkt.ACK, 1, 1), testpkt.Payload(ask)},
		packet{from, with(s, testpkt.PSH|testpkt.ACK, 1, asked), testpkt.Payload(page)},
		packet{to, with(c, testpkt.FIN|testpkt.ACK, asked, sent)},
		packet{from, with(s, testpkt.FIN|testpkt.ACK, sent, asked+1)},
		packet{to, with(c, testpkt.ACK, asked+1, sent+1)},
	)
	syn6 := testpkt.TCP{SrcPort: port, DstPort: 443, Flags: testpkt.SYN, Seq: 7000}
	return append(pkts, build(
		packet{to6, syn6},
		packet{from6, testpkt.TCP{SrcPort: 443, DstPort: port, Flags: testpkt.RST | testpkt.ACK, Ack: 7001}},
		packet{to, testpkt.TCP{SrcPort: port, DstPort: 23, Flags: testpkt.SYN}}, // telnet
	)...)
}

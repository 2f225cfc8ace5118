// Package testpkt builds, decodes and compares the packets that tests of network
// programs need.
//
// A test of an XDP or tc program starts with bytes: an Ethernet frame, IP and
// TCP headers, correct lengths and checksums. Written by hand these bytes hide
// what the test is about, and a wrong checksum or byte order fails the test
// for the wrong reason. Here a test names the fields it cares about:
//
//	pkt, err := testpkt.Build(
//		testpkt.Ethernet{},
//		testpkt.IPv4{Src: netip.MustParseAddr("192.0.2.7")},
//		testpkt.TCP{DstPort: 22, Flags: testpkt.SYN},
//	)
//
// The result is a []byte for any use. Programs that craft traffic in production
// are better served by a full protocol library.
//
// # Tests of programs
//
// [Check] runs a program over a table of packets and says in which field of
// which case it isn't as expected. [Torture] runs it over what attackers make of
// a packet: [Truncations], [Corruptions], [LengthLies]. [Replay] runs it over a
// capture, and [PcapWriter] writes one that Wireshark opens. All of them return
// errors, so they work in any test framework and outside of tests; for the
// program they take a [Runner], such as a [*bpfx.Program].
//
//	err := testpkt.Check(prog, []testpkt.Case{
//		{Name: "ssh", Packet: pkt, Verdict: "XDP_DROP"},
//	})
//	if err != nil {
//		t.Error(err)
//	}
//
// # Zero fields
//
// A zero field means its documented default. Frames go from MAC address
// 00:00:00:00:00:01 to 00:00:00:00:00:02, IPv4 packets from 10.0.0.1 to
// 10.0.0.2, IPv6 packets from fd00::1 to fd00::2, segments and datagrams from
// port 12345 to port 80, with a TTL or hop limit of 64.
//
// Versions, lengths, EtherTypes, protocol numbers and checksums are computed
// from the neighbouring layers. A field that isn't zero is taken as it is, so
// a test asks for a wrong checksum by setting one. To put a zero where a
// default would go, set Exact: in a layer that is Exact nothing is defaulted
// and nothing is computed.
//
// Fields hold plain numbers; packets hold them in network byte order.
//
// # Order
//
// The first layer is the outermost one. It needs not be Ethernet: a program on
// a tun device sees packets that start with IP. Each layer takes from the next
// one the number that announces it (EtherType, IP protocol, port) and refuses
// one that has none, so TCP directly on Ethernet is an error. Where EtherType,
// Protocol or NextHeader is set, any layer can follow. Bytes that no layer
// describes are [Payload], and a packet that was built before can be one. A
// [Trailer] is behind the end, such as the padding of a short frame.
//
// # Decoding
//
// [Decode] takes any bytes apart into the same layers. They are Exact, so what
// is decoded builds the same bytes again, and what is built decodes to what
// [Filled] returns. [Diff] compares two packets field by field, [Match] a
// packet with the fields that a test cares about, and [String] prints one:
//
//	if d := testpkt.Diff(want, got, testpkt.IgnoreChecksums()); d != "" {
//		t.Error(d) // IPv4.TTL: want 64, got 63
//	}
//	err := testpkt.Match(got, testpkt.IPv4{TTL: 63}, testpkt.TCP{DstPort: 22})
//
// # Checksums
//
// Checksums are computed over what follows, with the addresses of the nearest
// network layer before, so tunnels need nothing special. With segments left in
// an [IPv6Routing], or addresses in a source route ([IPv4Route]), the final
// destination counts. A UDP checksum that comes out as zero is sent as 0xffff;
// a header without one is Exact.
//
// The checksum of a transport header in a first fragment covers data that isn't
// in the packet, and lengths count it too: to ask for them is an error. Set
// them, or build the whole packet and cut it with [Fragments].
// [VerifyChecksums] says which checksums of a packet are wrong.
//
// # Options
//
// Options of IPv4, IPv6, TCP and neighbour discovery are bytes in their layers,
// made of values by [Options] and taken apart by [ParseTCPOptions] and its kin.
//
// # Layers of your own
//
// [Layer] is an open interface. A type with its two methods can stand anywhere
// in a packet; [Place] gives it what the built-in layers use. To decode it, a
// [Decoder] is told the number that announces it.
//
// # Speed
//
// [AppendTo] allocates nothing if the buffer is large enough. A layer that is
// converted to Layer is copied to the heap, though, so make the []Layer once,
// with pointers to the layers that change:
//
//	ip := testpkt.IPv4{}
//	layers := []testpkt.Layer{testpkt.Ethernet{}, &ip, testpkt.UDP{}}
//	for _, ip.Src = range sources {
//		buf, err = testpkt.AppendTo(buf[:0], layers...)
//	}
//
// A [Decoder] decodes without allocations.
package testpkt

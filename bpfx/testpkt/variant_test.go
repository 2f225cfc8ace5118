package testpkt_test

import (
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/internal/pktgen"
)

func variantNames(seq iter.Seq[testpkt.Variant]) (list []string) {
	for v := range seq {
		list = append(list, v.Name)
	}
	return list
}

func TestTruncations(t *testing.T) {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}, testpkt.Payload("hello"))
	orig := slices.Clone(pkt)
	n := 0
	for v := range testpkt.Truncations(pkt) {
		if len(v.Packet) != n || string(v.Packet) != string(orig[:n]) {
			t.Errorf("%s: %x, want the first %d bytes", v.Name, v.Packet, n)
		}
		if n > 0 {
			v.Packet[0] ^= 0xff // its own copy
		}
		n++
	}
	if n != len(pkt) || string(pkt) != string(orig) {
		t.Errorf("%d variants of %d bytes; the packet is now %x", n, len(pkt), pkt)
	}
	all := variantNames(testpkt.Truncations(pkt))
	for at, want := range map[int]string{
		0: "cut to 0 of 47 bytes, before Ethernet", 13: "cut to 13 of 47 bytes, in Ethernet",
		14: "cut to 14 of 47 bytes, before IPv4", 46: "cut to 46 of 47 bytes, in Payload",
	} {
		if all[at] != want {
			t.Errorf("variant %d is %q, want %q", at, all[at], want)
		}
	}
	if got := variantNames(testpkt.Truncations(nil)); got != nil {
		t.Errorf("Truncations(nil) = %q, want none", got)
	}
}

func TestCorruptions(t *testing.T) {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{TTL: 0xff}, testpkt.TCP{}, testpkt.Payload("hello"))
	for _, tt := range []struct {
		layer    testpkt.Layer
		from, to int
	}{
		{testpkt.Ethernet{}, 0, 14}, {&testpkt.IPv4{TTL: 3}, 14, 34}, {testpkt.TCP{}, 34, 54}, {testpkt.Payload(nil), 54, 59}, {nil, 0, 59}, {testpkt.VLAN{}, 0, 0},
	} {
		seen := make(map[[2]int]bool)
		for v := range testpkt.Corruptions(pkt, tt.layer) {
			at := 0
			for at < len(pkt) && pkt[at] == v.Packet[at] {
				at++
			}
			if at < tt.from || at >= tt.to || string(pkt[at+1:]) != string(v.Packet[at+1:]) || seen[[2]int{at, int(v.Packet[at])}] {
				t.Fatalf("%T: %s: %x, want one byte from %d to %d that differs, as in none before", tt.layer, v.Name, v.Packet, tt.from, tt.to)
			}
			seen[[2]int{at, int(v.Packet[at])}] = true
		}
		for at := tt.from; at < tt.to; at++ {
			for _, b := range []byte{pkt[at] ^ 1, pkt[at] ^ 0x80, 0, 0xff} {
				if b != pkt[at] && !seen[[2]int{at, int(b)}] {
					t.Errorf("%T: byte %d is never %#x", tt.layer, at, b)
				}
			}
		}
	}
	all := strings.Join(variantNames(testpkt.Corruptions(pkt, nil)), "\n")
	for _, want := range []string{
		"byte 22 (IPv4.TTL) 0xff -> 0x00", "byte 34 (TCP.SrcPort) 0x30 -> 0x31", "byte 12 (Ethernet.EtherType) 0x08 -> 0x09",
		"byte 54 (Payload) 0x68 -> 0x69",
	} {
		if !strings.Contains(all, want+"\n") {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
}

func TestLengthLies(t *testing.T) {
	udp := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}, testpkt.Payload("hello"))
	tcp := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.TCP{Options: []byte{1, 2, 4, 5, 0xb4, 0, 0, 0}})
	options := testpkt.MustBuild(testpkt.Ethernet{EtherType: 46}, testpkt.IPv4{Options: []byte{7, 3, 4, 0}}, testpkt.Payload("hi"))
	extensions := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{},
		testpkt.IPv6HopByHop{Options: testpkt.Options(testpkt.IPv6RouterAlert(0))},
		testpkt.IPv6Routing{Type: testpkt.RoutingSegments, SegmentsLeft: 1, Data: testpkt.SegmentList(netip.IPv6Loopback())}, testpkt.UDP{})
	for _, tt := range []struct {
		name string
		pkt  []byte
		want []string
	}{
		{"UDP", udp, slices.Concat(
			lies("IPv4.IHL at byte 14", 5, 0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
			lies("IPv4.TotalLength at byte 16", 33, 0, 1, 19, 20, 32, 34, 65535),
			lies("UDP.Length at byte 38", 13, 0, 1, 7, 8, 12, 14, 65535),
		)},
		{"TCP", tcp, slices.Concat(
			lies("IPv6.PayloadLength at byte 18", 28, 0, 1, 27, 29, 65535),
			lies("TCP.DataOffset at byte 66", 7, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15),
			lies("TCP.Options at byte 76", 4, 0, 1, 3, 5, 255),
		)},
		{"ARP", testpkt.MustBuild(testpkt.Ethernet{}, testpkt.ARP{}), slices.Concat(
			lies("ARP.HardwareLen at byte 18", 6, 0, 1, 5, 7, 255),
			lies("ARP.ProtocolLen at byte 19", 4, 0, 1, 3, 5, 255),
		)},
		{"extensions", extensions, slices.Concat(
			lies("IPv6.PayloadLength at byte 18", 40, 0, 1, 39, 41, 65535),
			lies("IPv6HopByHop.Length at byte 55", 0, 1, 255),
			lies("IPv6HopByHop.Options at byte 57", 2, 0, 1, 3, 255),
			lies("IPv6HopByHop.Options at byte 61", 0, 1, 255),
			lies("IPv6Routing.Length at byte 63", 2, 0, 1, 3, 255),
			lies("IPv6Routing.SegmentsLeft at byte 65", 1, 0, 2, 255),
			lies("UDP.Length at byte 90", 8, 0, 1, 7, 9, 65535),
		)},
		{"ND", testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.NeighborAdvert{Options: testpkt.Options(testpkt.TargetLinkAddr{})}), slices.Concat(
			lies("IPv6.PayloadLength at byte 18", 32, 0, 1, 31, 33, 65535),
			lies("NeighborAdvert.Options at byte 79", 1, 0, 2, 255),
		)},
		{"802.3", options, lies("Ethernet.EtherType at byte 12", 46, 0, 1, 45, 47, 1535)},
		{"options", options[14:], nil}, // no Ethernet
		{"nothing", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, variantNames(testpkt.LengthLies(tt.pkt))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// lies returns the names of variants.
func lies(name string, truth int, values ...int) (list []string) {
	for _, v := range values {
		list = append(list, fmt.Sprintf("%s: %d -> %d", name, truth, v))
	}
	return list
}

// sums returns the sums that a receiver of an Ethernet frame with an IP header,
// whose real length is ihl, and another one with a checksum computes for these
// two: 0xffff is right.
func sums(pkt []byte, ihl int) (list []uint16) {
	ip := pkt[14:]
	end, protocol, addrs := len(ip), byte(0), []byte(nil)
	if pkt[12] == 8 {
		n := int(ip[0]&0xf) * 4
		if n < 20 || n > len(ip) {
			n = ihl
		}
		list = append(list, naiveSum(0, ip[:n]))
		if total := int(binary.BigEndian.Uint16(ip[2:])); total >= ihl && total <= len(ip) {
			end = total
		}
		protocol, addrs = ip[9], ip[12:20]
	} else {
		if total := 40 + int(binary.BigEndian.Uint16(ip[4:])); total <= len(ip) {
			end = total
		}
		protocol, addrs = ip[6], ip[8:40]
	}
	at := map[byte]int{testpkt.ProtocolTCP: 16, testpkt.ProtocolUDP: 6, testpkt.ProtocolGRE: 4}[protocol]
	if at == 0 {
		at = 2 // ICMP
	}
	segment := ip[ihl:end]
	n := len(segment)
	if protocol == testpkt.ProtocolUDP && n >= 8 {
		n = int(binary.BigEndian.Uint16(segment[4:]))
		if n >= 8 && n <= len(segment) {
			segment = segment[:n]
		}
		if n == 0 {
			n = len(segment) // a jumbogram
		}
	}
	if len(segment) < at+2 {
		return list // the checksum is beyond the end
	}
	if protocol == testpkt.ProtocolICMP || protocol == testpkt.ProtocolGRE {
		return append(list, naiveSum(0, segment))
	}
	pseudo := naiveSum(naiveSum(0, addrs), []byte{0, protocol, byte(n >> 8), byte(n)})
	return append(list, naiveSum(pseudo, segment))
}

// TestLengthLiesChecksums checks that the lie is the only fault.
func TestLengthLiesChecksums(t *testing.T) {
	r := newRand(t)
	for range 200 {
		layers := []testpkt.Layer{testpkt.Ethernet{}, pktgen.IPv4(r), pktgen.TCP(r), testpkt.Payload(pktgen.Bytes(r, r.IntN(50)))}
		ihl := 20 + (len(layers[1].(testpkt.IPv4).Options)+3)/4*4
		if r.IntN(2) == 0 {
			layers[1], ihl = pktgen.IPv6(r), 40
		}
		if r.IntN(2) == 0 {
			layers[2] = testpkt.UDP{SrcPort: pktgen.Port(r)}
		}
		pkt := testpkt.MustBuild(layers...)
		for _, sum := range sums(pkt, ihl) {
			if sum != 0xffff {
				t.Fatalf("sums of the packet itself: %#04x", sums(pkt, ihl))
			}
		}
		for v := range testpkt.LengthLies(pkt) {
			for i, sum := range sums(v.Packet, ihl) {
				if sum != 0xffff {
					t.Errorf("%s: sum %d is %#04x\n%x\n%x", v.Name, i, sum, pkt, v.Packet)
				}
			}
		}
	}
}

// TestLengthLiesInside checks the checksums of outer layers.
func TestLengthLiesInside(t *testing.T) {
	inner := []testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{Options: testpkt.Options(testpkt.MSS(1460))}, testpkt.Payload("odd")}
	for name, outer := range map[string][]testpkt.Layer{
		"VXLAN":      append([]testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}, testpkt.VXLAN{}}, inner...),
		"GRE":        append([]testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.GRE{Flags: testpkt.GREChecksum}}, inner...),
		"ICMP error": append([]testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.ICMP{Type: testpkt.ICMPTimeExceeded}}, inner[1:]...),
		"zeros":      {testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.ICMP{}, make(testpkt.Payload, 4)},
		"ICMPv6":     {testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.ICMPv6{Type: testpkt.ICMPv6EchoRequest}, testpkt.Payload("odd")},
		"solicit":    {testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.NeighborSolicit{Options: testpkt.Options(testpkt.SourceLinkAddr{5: 1})}},
		"advert":     {testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.RouterAdvert{Options: testpkt.Options(testpkt.MTU(1500))}},
	} {
		pkt := testpkt.MustBuild(outer...)
		ihl := 20
		if pkt[12] != 8 {
			ihl = 40
		}
		n := 0
		for v := range testpkt.LengthLies(pkt) {
			n++
			for i, sum := range sums(v.Packet, ihl) {
				if sum != 0xffff {
					t.Errorf("%s: %s: sum %d is %#04x\n%x\n%x", name, v.Name, i, sum, pkt, v.Packet)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s: no lies", name)
		}
	}
}

// TestLengthLiesFinalDestination checks the checksums where a lie is about how
// far a packet has to go.
func TestLengthLiesFinalDestination(t *testing.T) {
	route := testpkt.IPv4Route{Kind: testpkt.LooseRoute, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}}
	segments := testpkt.SegmentList(netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"))
	n := 0
	for _, ip := range [][]testpkt.Layer{
		{testpkt.IPv4{Options: testpkt.Options(testpkt.NoOperation{}, route)}},
		{testpkt.IPv6{}, testpkt.IPv6Routing{Type: testpkt.RoutingSegments, SegmentsLeft: 1, Data: segments}},
		{testpkt.IPv6{}, testpkt.IPv6Routing{Type: testpkt.RoutingSegments, Data: segments}},
	} {
		for _, transport := range []testpkt.Layer{testpkt.TCP{}, testpkt.UDP{}} {
			pkt := testpkt.MustBuild(append(append([]testpkt.Layer{testpkt.Ethernet{}}, ip...), transport)...)
			for v := range testpkt.LengthLies(pkt) {
				if !strings.HasPrefix(v.Name, "IPv4.Options") && !strings.HasPrefix(v.Name, "IPv6Routing.SegmentsLeft") {
					continue
				}
				n++
				if err := testpkt.VerifyChecksums(v.Packet); err != nil {
					t.Errorf("%s: %v\n%x\n%x", v.Name, err, pkt, v.Packet)
				}
			}
		}
	}
	if n != 2*(5+3+2) {
		t.Errorf("%d lies", n)
	}
}

// TestLengthLiesWrongChecksums checks that wrong checksums stay wrong by as
// much, and that UDP without a checksum stays so.
func TestLengthLiesWrongChecksums(t *testing.T) {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{Checksum: 0x1234}, testpkt.TCP{Checksum: 0x5678})
	want := sums(pkt, 20)
	for v := range testpkt.LengthLies(pkt) {
		got := sums(v.Packet, 20)
		if d := cmp.Diff(want[:len(got)], got); d != "" {
			t.Errorf("%s: sums (-want +got):\n%s", v.Name, d)
		}
	}
	pkt = testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{Length: 8, Exact: true})
	for v := range testpkt.LengthLies(pkt) {
		if v.Packet[40]|v.Packet[41] != 0 {
			t.Errorf("%s: UDP checksum %x, want none", v.Name, v.Packet[40:42])
		}
	}
}

// FuzzHostile makes the variants of any bytes.
func FuzzHostile(f *testing.F) {
	f.Add([]byte{})
	f.Add(testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{Options: []byte{7, 3, 4}}, testpkt.TCP{Options: []byte{1, 2, 4, 5, 0xb4, 3}}))
	f.Add(testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.UDP{}, testpkt.Payload("hello")))
	f.Add(testpkt.MustBuild(testpkt.Ethernet{}, testpkt.VLAN{}, testpkt.IPv4{TotalLength: 21}, testpkt.IPv4{IHL: 15}, testpkt.TCP{}))
	f.Fuzz(func(t *testing.T, pkt []byte) {
		if len(pkt) > 300 {
			return // they are many
		}
		seen := make(map[string]bool)
		for v := range testpkt.Hostile(pkt) {
			if string(v.Packet) == string(pkt) {
				t.Errorf("%s: the packet itself", v.Name)
			}
			if seen[v.Name] {
				t.Errorf("%s: twice", v.Name)
			}
			seen[v.Name] = true
		}
	})
}

func TestHostile(t *testing.T) {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{})
	one := variantNames(testpkt.Hostile(pkt))
	if len(one) < 300 || !slices.Contains(one, "UDP.Length at byte 38: 8 -> 7") || !slices.Contains(one, "cut to 41 of 42 bytes, in UDP") {
		t.Errorf("%d variants: %q", len(one), one)
	}
	two := variantNames(testpkt.Hostile(pkt, pkt))
	if len(two) != 2*len(one) || two[0] != "packet 0: "+one[0] || two[len(one)] != "packet 1: "+one[0] {
		t.Errorf("%d variants of two packets, from %q on; want %d", len(two), two[0], 2*len(one))
	}
	for v := range testpkt.Hostile(pkt) {
		_ = v
		break // stops without a panic
	}
}

package testpkt_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/internal/pktgen"
)

func TestVerifyChecksums(t *testing.T) {
	eth, ip4, ip6, data := testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.IPv6{}, testpkt.Payload("odd")
	final := testpkt.SegmentList(netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"))
	frags, err := testpkt.Fragments(testpkt.MustBuild(eth, ip6, testpkt.UDP{}, make(testpkt.Payload, 3000)), 1500)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		pkt  []byte
		want string // the error
	}{
		{"right", testpkt.MustBuild(eth, ip4, testpkt.TCP{}, data, testpkt.Trailer("crc!")), ""},
		{"no UDP checksum", testpkt.MustBuild(eth, ip4, testpkt.UDP{Length: 8, Exact: true}), ""},
		{"UDP shorter than IP", testpkt.MustBuild(eth, ip4, testpkt.UDP{Length: 10}, data), ""},
		{"jumbogram in IPv4", testpkt.MustBuild(
			eth, testpkt.IPv4{Protocol: testpkt.ProtocolIPv6}, testpkt.IPv6{Version: 6, Src: netip.IPv6Loopback(), Dst: netip.IPv6Loopback(), Exact: true},
			testpkt.IPv6HopByHop{Options: testpkt.Options(testpkt.Jumbo(28))}, testpkt.TCP{}, testpkt.Trailer("crc!"),
		), ""},
		{"segments left", testpkt.MustBuild(eth, ip6, testpkt.IPv6Routing{Type: 4, SegmentsLeft: 1, Data: final}, testpkt.UDP{}), ""},
		{"first fragment", frags[0], ""},
		{"last fragment", frags[2], ""},
		{"quotation", testpkt.MustBuild(eth, ip4, testpkt.ICMP{Type: 3}, ip4, testpkt.UDP{Checksum: 1}), ""},
		{"quotation of IPv6", testpkt.MustBuild(eth, ip6, testpkt.ICMPv6{Type: 1}, ip6, testpkt.UDP{Checksum: 1}), ""},
		{"IPv4", testpkt.MustBuild(eth, testpkt.IPv4{Checksum: 1}, testpkt.UDP{}), "IPv4.Checksum: 0x0001, want 0x66cf"},
		{"UDP", testpkt.MustBuild(eth, ip4, testpkt.UDP{Checksum: 1}), "UDP.Checksum: 0x0001, want 0xbb52"},
		{
			"tunnel", testpkt.MustBuild(eth, ip4, testpkt.GRE{Checksum: 2}, testpkt.IPv4{Checksum: 3}, testpkt.TCP{Checksum: 4}),
			"GRE.Checksum: 0x0002, want 0x5e3d\nIPv4[1].Checksum: 0x0003, want 0x66ce\nTCP.Checksum: 0x0004, want 0x6b59",
		},
		{"ICMP", testpkt.MustBuild(eth, ip4, testpkt.ICMP{Checksum: 1, ID: 7, Seq: 1}, data), "ICMP.Checksum: 0x0001, want 0x2c93"},
		{"ICMPv6", testpkt.MustBuild(eth, ip6, testpkt.ICMPv6{Checksum: 1, ID: 7, Seq: 1}, testpkt.Payload("x")), "ICMPv6.Checksum: 0x0001, want 0x0daf"},
		{"solicitation", testpkt.MustBuild(eth, ip6, testpkt.NeighborSolicit{Checksum: 1}), "NeighborSolicit.Checksum: 0x0001, want 0x81a5"},
		{"advertisement", testpkt.MustBuild(eth, ip6, testpkt.NeighborAdvert{Checksum: 1}), "NeighborAdvert.Checksum: 0x0001, want 0x80a6"},
		{"router solicitation", testpkt.MustBuild(eth, ip6, testpkt.RouterSolicit{Checksum: 1}), "RouterSolicit.Checksum: 0x0001, want 0x80b8"},
		{"router advertisement", testpkt.MustBuild(eth, ip6, testpkt.RouterAdvert{Checksum: 1}), "RouterAdvert.Checksum: 0x0001, want 0x78a8"},
		{"cut off", testpkt.MustBuild(eth, ip4)[:20], "verify checksums: decode IPv4 at byte 14: header of 20 bytes is cut off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := testpkt.VerifyChecksums(tt.pkt); fmt.Sprint(err) != tt.want && (err != nil || tt.want != "") {
				t.Errorf("VerifyChecksums() = %v\nwant %s", err, tt.want)
			}
		})
	}
	var decodeErr *testpkt.DecodeError
	if err := testpkt.VerifyChecksums(nil); !errors.As(err, &decodeErr) {
		t.Errorf("VerifyChecksums(nil) = %v, want a DecodeError", err)
	}
}

// TestVerifyRandom verifies random packets, as they are and with one bit of a
// checksum changed.
func TestVerifyRandom(t *testing.T) {
	r := newRand(t)
	for range 200 {
		pkt := testpkt.MustBuild(pktgen.Stack(r)...)
		if err := testpkt.VerifyChecksums(pkt); err != nil {
			t.Fatalf("VerifyChecksums(%x) = %v", pkt, err)
		}
		spans, err := testpkt.Spans(pkt)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range spans {
			var at int
			switch s.Layer.(type) {
			case testpkt.IPv4:
				at = 10
			case testpkt.TCP:
				at = 16
			case testpkt.UDP:
				at = 6
			case testpkt.ICMP, testpkt.ICMPv6, testpkt.NeighborSolicit, testpkt.NeighborAdvert, testpkt.RouterSolicit, testpkt.RouterAdvert:
				at = 2
			default:
				continue
			}
			bit := byte(4)
			if udp, ok := s.Layer.(testpkt.UDP); ok && udp.Checksum == 0x0400 {
				bit = 8 // zero would be no checksum
			}
			pkt[s.Start+at] ^= bit
			if err := testpkt.VerifyChecksums(pkt); err == nil {
				t.Fatalf("VerifyChecksums(%x) = nil, but the checksum of %T is wrong", pkt, s.Layer)
			}
			pkt[s.Start+at] ^= bit
			if _, ok := s.Layer.(testpkt.ICMP); ok {
				break // what it quotes isn't verified
			}
			if _, ok := s.Layer.(testpkt.ICMPv6); ok {
				break
			}
		}
	}
}

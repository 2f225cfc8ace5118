package testpkt_test

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/internal/pktgen"
)

// TestFragments cuts packets, checks each fragment, and puts them together.
func TestFragments(t *testing.T) {
	data := testpkt.Payload(bytes.Repeat([]byte("0123456789"), 300))
	addr := netip.MustParseAddr
	tests := []struct {
		name   string
		layers []testpkt.Layer
		mtu    int
		want   int    // fragments
		first  string // layers of the first
		second string // layers of the others
	}{
		{"IPv4", []testpkt.Layer{testpkt.IPv4{ID: 7}, testpkt.UDP{}, data}, 1500, 3, "Ethernet IPv4 UDP Payload", "Ethernet IPv4 Payload"},
		{"small", []testpkt.Layer{testpkt.IPv4{}, testpkt.UDP{}, testpkt.Payload("123456789")}, 28, 3, "Ethernet IPv4 UDP", "Ethernet IPv4 Payload"},
		{
			"IPv4 options",
			[]testpkt.Layer{
				testpkt.IPv4{Options: testpkt.Options(testpkt.NoOperation{}, testpkt.RouterAlert(0), testpkt.IPv4Route{Addrs: []netip.Addr{addr("192.0.2.1")}})},
				testpkt.TCP{}, data,
			}, 576, 6, "Ethernet IPv4 TCP Payload", "Ethernet IPv4 Payload",
		},
		{"IPv6", []testpkt.Layer{testpkt.IPv6{}, testpkt.TCP{}, data}, 1280, 3, "Ethernet IPv6 IPv6Fragment TCP Payload", "Ethernet IPv6 IPv6Fragment Payload"},
		{
			"IPv6 extensions",
			[]testpkt.Layer{
				testpkt.IPv6{}, testpkt.IPv6HopByHop{}, testpkt.IPv6Destination{},
				testpkt.IPv6Routing{Type: testpkt.RoutingSegments, Data: testpkt.SegmentList(addr("fd00::2"))},
				testpkt.IPv6Fragment{ID: 9}, testpkt.IPv6Destination{}, testpkt.UDP{}, data,
			}, 1280, 3,
			"Ethernet IPv6 IPv6HopByHop IPv6Destination IPv6Routing IPv6Fragment IPv6Destination UDP Payload",
			"Ethernet IPv6 IPv6HopByHop IPv6Destination IPv6Routing IPv6Fragment Payload",
		},
		{"tunnel", []testpkt.Layer{testpkt.VLAN{}, testpkt.IPv4{}, testpkt.GRE{}, testpkt.IPv6{}, testpkt.UDP{}, data}, 1500, 3, "Ethernet VLAN IPv4 GRE IPv6 UDP Payload", "Ethernet VLAN IPv4 Payload"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			whole := testpkt.MustBuild(append([]testpkt.Layer{testpkt.Ethernet{}}, tt.layers...)...)
			frags, err := testpkt.Fragments(append(whole, "trailer"...)[:len(whole)], tt.mtu)
			if err != nil || len(frags) != tt.want {
				t.Fatalf("Fragments() = %d, %v, want %d", len(frags), err, tt.want)
			}
			var got []byte
			for i, frag := range frags {
				spans, err := testpkt.Spans(frag)
				if err != nil {
					t.Fatalf("fragment %d: %v", i, err)
				}
				want := tt.second
				if i == 0 {
					want = tt.first
				}
				var layers []testpkt.Layer
				for _, s := range spans {
					layers = append(layers, s.Layer)
				}
				if names(layers) != want {
					t.Errorf("fragment %d is %s, want %s", i, names(layers), want)
				}
				got = append(got, fragmentData(t, frag, spans, i, len(got), i < len(frags)-1)...)
			}
			if !bytes.HasSuffix(whole, got) || len(got) < 17 {
				t.Errorf("fragments together aren't the end of the packet\ngot  %x\nwant %x", got, whole)
			}
		})
	}
}

// fragmentData returns what a fragment carries, after checks of its header.
func fragmentData(t *testing.T, frag []byte, spans []testpkt.Span, i, offset int, more bool) []byte {
	t.Helper()
	for _, s := range spans {
		switch l := s.Layer.(type) {
		case testpkt.IPv4:
			if sum := testpkt.Checksum(frag[s.Start:s.End]); sum != 0 {
				t.Errorf("fragment %d: sum over the header is %#04x, want 0", i, sum)
			}
			if int(l.FragmentOffset)*8 != offset || (l.Flags&testpkt.MoreFragments != 0) != more {
				t.Errorf("fragment %d: offset %d, flags %v, want offset %d, more %v", i, l.FragmentOffset, l.Flags, offset/8, more)
			}
			return frag[s.End:]
		case testpkt.IPv6Fragment:
			if int(l.Offset)*8 != offset || l.More != more {
				t.Errorf("fragment %d: offset %d, more %v, want offset %d, more %v", i, l.Offset, l.More, offset/8, more)
			}
			return frag[s.End:]
		}
	}
	t.Fatalf("fragment %d is none", i)
	return nil
}

func TestFragmentsAgain(t *testing.T) {
	for _, ip := range [][]testpkt.Layer{{testpkt.IPv4{}}, {testpkt.IPv6{}}, {testpkt.IPv6{}, testpkt.IPv6Destination{}, testpkt.IPv6Fragment{}}} {
		layers := append(append([]testpkt.Layer{testpkt.Ethernet{}}, ip...), testpkt.UDP{}, make(testpkt.Payload, 3000))
		whole := testpkt.MustBuild(layers...)
		want, err := testpkt.Fragments(whole, 520)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]byte
		big, err := testpkt.Fragments(whole, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, frag := range big {
			small, err := testpkt.Fragments(frag, 520)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, small...)
		}
		offset := 0
		for i, frag := range got {
			spans, _ := testpkt.Spans(frag)
			offset += len(fragmentData(t, frag, spans, i, offset, i < len(got)-1))
		}
		if offset != 3008 || len(got) < len(want) {
			t.Errorf("%d fragments with %d bytes, want at least %d with 3008", len(got), offset, len(want))
		}
	}
}

func TestFragmentsErrors(t *testing.T) {
	eth, data := testpkt.Ethernet{}, make(testpkt.Payload, 100)
	build := testpkt.MustBuild
	if _, err := testpkt.Fragments(build(eth, data), 50); !errors.Is(err, testpkt.ErrNoIP) {
		t.Errorf("Fragments() of no IP = %v, want %v", err, testpkt.ErrNoIP)
	}
	if _, err := testpkt.Fragments(build(eth, testpkt.IPv4{Flags: testpkt.DontFragment}, data), 50); !errors.Is(err, testpkt.ErrDontFragment) {
		t.Errorf("Fragments() = %v, want %v", err, testpkt.ErrDontFragment)
	}
	var decodeErr *testpkt.DecodeError
	if _, err := testpkt.Fragments(build(eth, data)[:10], 50); !errors.As(err, &decodeErr) {
		t.Errorf("Fragments() = %v, want a DecodeError", err)
	}
	for _, mtu := range []int{27, 0, -1} {
		if _, err := testpkt.Fragments(build(eth, testpkt.IPv4{}, data), mtu); err == nil {
			t.Errorf("Fragments() to %d bytes succeeds", mtu)
		}
	}
	if _, err := testpkt.Fragments(build(eth, testpkt.IPv4{Options: []byte{7, 1}}, data), 50); err == nil {
		t.Error("Fragments() of malformed options succeeds")
	}
	if got, err := testpkt.Fragments(build(eth, testpkt.IPv4{}), 19); err == nil || got != nil {
		t.Errorf("Fragments() of a header without data to 19 bytes = %x, %v, want an error", got, err)
	}
	jumbogram := build(eth, testpkt.IPv6{Version: 6, Exact: true}, testpkt.IPv6HopByHop{NextHeader: 59, Options: testpkt.Options(testpkt.Jumbo(70008))}, make(testpkt.Payload, 70000))
	if _, err := testpkt.Fragments(jumbogram, 69000); err == nil || !strings.Contains(err.Error(), "jumbogram") {
		t.Errorf("Fragments() of a jumbogram = %v, want an error", err)
	}
	const far = "cut packet into fragments: a fragment would begin at byte 66072, at most 65528"
	for _, layers := range [][]testpkt.Layer{
		{testpkt.IPv4{FragmentOffset: 0x1fff, Protocol: 17}}, {testpkt.IPv6{}, testpkt.IPv6Fragment{Offset: 0x1fff, NextHeader: 17}},
	} {
		pkt := build(append(append([]testpkt.Layer{eth}, layers...), make(testpkt.Payload, 1400))...)
		if _, err := testpkt.Fragments(pkt, len(pkt)-14-1400+544); err == nil || err.Error() != far {
			t.Errorf("Fragments() of %s = %v, want %s", testpkt.String(pkt), err, far)
		}
	}
}

// TestFragmentsWhole shows that a packet that isn't too long is left as it is,
// without its trailer.
func TestFragmentsWhole(t *testing.T) {
	eth, data := testpkt.Ethernet{}, testpkt.Payload("data and options")
	for _, layers := range [][]testpkt.Layer{
		{eth, testpkt.IPv4{}, data},
		{eth, testpkt.IPv4{Flags: testpkt.DontFragment}, data},
		{eth, testpkt.IPv4{}, testpkt.UDP{Length: 12}, data}, // the rest are options of UDP, RFC 9868
		{eth, testpkt.IPv6{}, testpkt.UDP{Length: 12}, data},
	} {
		whole := testpkt.MustBuild(layers...)
		got, err := testpkt.Fragments(append(whole, 0), len(whole)-14)
		if err != nil || len(got) != 1 || !bytes.Equal(got[0], whole) {
			t.Errorf("Fragments() of %s = %x, %v, want it", testpkt.String(whole), got, err)
		}
	}
	whole := testpkt.MustBuild(eth, testpkt.IPv4{}, testpkt.UDP{Length: 12}, data)
	got, err := testpkt.Fragments(append(whole, 0), 36)
	if err != nil || len(got) != 2 || !bytes.Equal(append(got[0][34:], got[1][34:]...), whole[34:]) {
		t.Errorf("Fragments() = %x, %v, want all of %x", got, err, whole)
	}
}

// TestFragmentsRandom cuts random packets, damaged ones too, at any length.
func TestFragmentsRandom(t *testing.T) {
	r := newRand(t)
	cut := 0
	for range 1000 {
		pkt := testpkt.MustBuild(pktgen.Stack(r)...)
		for range r.IntN(3) {
			pkt[r.IntN(min(len(pkt), 100))] = byte(r.Uint32())
		}
		mtu := 20 + r.IntN(300)
		frags, err := testpkt.Fragments(pkt, mtu)
		if err != nil || len(frags) == 1 && bytes.HasPrefix(pkt, frags[0]) {
			continue
		}
		cut++
		var data []byte
		for i, frag := range frags {
			ip, from := carried(t, frag)
			if len(frag)-ip > mtu || i < len(frags)-1 && (len(frag)-from)%8 != 0 {
				t.Fatalf("Fragments(%x, %d): fragment %d has %d bytes, %d of data", pkt, mtu, i, len(frag)-ip, len(frag)-from)
			}
			data = append(data, frag[from:]...)
		}
		if ip, _ := carried(t, pkt); len(data) == 0 || !bytes.Contains(pkt[ip:], data) {
			t.Fatalf("Fragments(%x, %d) together are\n%x", pkt, mtu, data)
		}
	}
	if cut < 100 {
		t.Errorf("only %d packets were cut", cut)
	}
}

// carried returns where the first IP packet of a frame begins, and what is in
// its fragments.
func carried(t *testing.T, frame []byte) (ip, data int) {
	t.Helper()
	spans, err := testpkt.Spans(frame)
	if err != nil {
		t.Fatalf("Spans(%x) = %v", frame, err)
	}
	for _, s := range spans {
		switch s.Layer.(type) {
		case testpkt.IPv4:
			if ip == 0 {
				return s.Start, s.End
			}
		case testpkt.IPv6:
			if ip == 0 {
				ip = s.Start
			}
		case testpkt.IPv6Fragment:
			return ip, s.End
		}
	}
	return ip, 0
}

package testpkt_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
)

func TestMatch(t *testing.T) {
	inner := netip.MustParseAddr("192.0.2.9")
	pkt := testpkt.MustBuild(
		testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.GRE{Key: 5}, testpkt.IPv4{Src: inner, TTL: 3},
		testpkt.TCP{Flags: testpkt.SYN, Seq: 9}, testpkt.Payload("data"),
	)
	tests := []struct {
		name    string
		pkt     []byte
		partial []testpkt.Layer
		want    string // the error
	}{
		{"nothing asked", pkt, nil, ""},
		{"a field", pkt, []testpkt.Layer{testpkt.TCP{Seq: 9}}, ""},
		{"a pointer", pkt, []testpkt.Layer{&testpkt.TCP{Seq: 9}}, ""},
		{"inner and outer", pkt, []testpkt.Layer{testpkt.IPv4{}, testpkt.IPv4{Src: inner}}, ""},
		{"payload", pkt, []testpkt.Layer{testpkt.TCP{}, testpkt.Payload("data")}, ""},
		{"any payload", pkt, []testpkt.Layer{testpkt.Payload{}}, ""},
		{"zero that is", pkt, []testpkt.Layer{testpkt.Zero(testpkt.TCP{Flags: testpkt.SYN}, "Ack", "Urgent")}, ""},

		{"zeros in pieces", pkt, []testpkt.Layer{testpkt.Zero(testpkt.Zero(testpkt.TCP{}, "Ack"), "Seq")}, "TCP.Seq: want 0, got 9"},

		{"wrong fields", pkt, []testpkt.Layer{testpkt.TCP{Seq: 8, DstPort: 22}}, "TCP.DstPort: want 22, got 80\nTCP.Seq: want 8, got 9"},
		{"two layers", pkt, []testpkt.Layer{testpkt.IPv4{TTL: 1}, testpkt.IPv4{TTL: 2}}, "IPv4.TTL: want 1, got 64\nIPv4[1].TTL: want 2, got 3"},
		{"not there", pkt, []testpkt.Layer{testpkt.UDP{}}, "UDP: not in Ethernet/IPv4/GRE/IPv4/TCP/Payload"},
		{"wrong order", pkt, []testpkt.Layer{testpkt.TCP{}, testpkt.GRE{}}, "GRE: not in Ethernet/IPv4/GRE/IPv4/TCP/Payload"},
		{"too many", pkt, []testpkt.Layer{testpkt.IPv4{}, testpkt.IPv4{}, testpkt.IPv4{}}, "IPv4[2]: not in Ethernet/IPv4/GRE/IPv4/TCP/Payload"},
		{"wrong payload", pkt, []testpkt.Layer{testpkt.Payload("dato")}, "Payload: at byte 3 want 6f, got 61"},
		{"zero that isn't", pkt, []testpkt.Layer{testpkt.Zero(testpkt.TCP{}, "Seq", "Ack")}, "TCP.Seq: want 0, got 9"},
		{"zero of no field", pkt, []testpkt.Layer{testpkt.Zero(testpkt.TCP{}, "TTL")}, "TCP.TTL: no such field to be zero"},
		{"exact", pkt, []testpkt.Layer{testpkt.GRE{Flags: testpkt.GREKey, Key: 5, Exact: true}}, "GRE.Protocol: want 0x0000, got 0x0800"},
		{"nil", pkt, []testpkt.Layer{nil, (*testpkt.TCP)(nil), testpkt.Zero(nil)}, "nil layer\nnil layer\nnil layer"},
		{"cut off", pkt[:30], []testpkt.Layer{testpkt.Ethernet{}, testpkt.TCP{}}, "TCP: not in Ethernet/Payload\ndecode IPv4 at byte 14: header of 20 bytes is cut off"},
		{"empty", nil, []testpkt.Layer{testpkt.TCP{}}, "TCP: not in an empty packet\ndecode Ethernet at byte 0: header of 14 bytes is cut off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := testpkt.Match(tt.pkt, tt.partial...)
			if (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
				t.Errorf("Match() = %v\nwant %s", err, tt.want)
			}
		})
	}
	var decodeErr *testpkt.DecodeError
	if err := testpkt.Match(nil, testpkt.TCP{}); !errors.As(err, &decodeErr) {
		t.Errorf("Match(nil) = %v, want a DecodeError among them", err)
	}
}

func TestMatchLayers(t *testing.T) {
	var d testpkt.Decoder
	d.Register(testpkt.SpaceUDPPort, 999, decodeMessage)
	layers, err := d.Decode(testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.UDP{}, message{2}))
	if err != nil {
		t.Fatal(err)
	}
	if err := testpkt.MatchLayers(layers, testpkt.UDP{DstPort: 999}, message{}); err != nil {
		t.Errorf("MatchLayers() = %v", err)
	}
	const want = "testpkt_test.message.Len: want 3, got 2"
	if err := testpkt.MatchLayers(layers, message{3}); err == nil || err.Error() != want {
		t.Errorf("MatchLayers() = %v, want %s", err, want)
	}
	if err := testpkt.MatchLayers([]testpkt.Layer{&heavy{A: 1, B: 2}}, &heavy{A: 1}); err != nil {
		t.Errorf("MatchLayers() of a pointer = %v", err)
	}
	const pointer = "testpkt_test.heavy.A: want 0, got 1"
	if err := testpkt.MatchLayers([]testpkt.Layer{&heavy{A: 1, B: 2}}, testpkt.Zero(&heavy{B: 2}, "A")); err == nil || err.Error() != pointer {
		t.Errorf("MatchLayers() of a pointer = %v, want %s", err, pointer)
	}
	if err := testpkt.MatchLayers([]testpkt.Layer{label(5)}, label(0)); err != nil {
		t.Errorf("MatchLayers() of a number = %v", err)
	}
	const number = "testpkt_test.label: want 4, got 5"
	if err := testpkt.MatchLayers([]testpkt.Layer{label(5)}, label(4)); err == nil || err.Error() != number {
		t.Errorf("MatchLayers() of a number = %v, want %s", err, number)
	}
}

// heavy is a layer of which only a pointer is one.
type heavy struct{ A, B uint8 }

func (l *heavy) Append(b []byte, p testpkt.Place) ([]byte, error) {
	return p.AppendNext(append(b, l.A, l.B))
}

func (l *heavy) Number(testpkt.Space) (uint16, bool) { return 7, true }

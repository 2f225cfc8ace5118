package testpkt_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/internal/pktgen"
)

// sameLayers compares layers: addresses and bytes as a whole.
var sameLayers = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(bytes.Equal),
}

func TestDecode(t *testing.T) {
	addr := netip.MustParseAddr
	tests := []struct {
		name string
		pkt  []byte
		want []testpkt.Layer
		err  string // of the DecodeError, "" if there is none
	}{
		{
			name: "TCP, every field",
			pkt: []byte{
				2, 0, 0, 0, 0, 2, // destination
				2, 0, 0, 0, 0, 1, // source
				0x08, 0x00, // EtherType IPv4
				0x46,       // version, IHL 6
				0xb8,       // TOS
				0x00, 0x31, // total length 49
				0x12, 0x34, // identification
				0x40, 0x00, // DF
				3,          // TTL
				6,          // protocol TCP
				0xbe, 0xef, // checksum
				192, 0, 2, 7, // source
				198, 51, 100, 9, // destination
				0x94, 4, 0, 0, // router alert
				0x00, 0x01, // source port
				0x00, 0x16, // destination port
				0x01, 0x02, 0x03, 0x04, // sequence number
				0x05, 0x06, 0x07, 0x08, // acknowledgement number
				0x61, 0x12, // data offset 6, AE SYN ACK
				0x10, 0x00, // window
				0x77, 0x98, // checksum
				0x00, 0x09, // urgent pointer
				2, 4, 0x05, 0xb4, // maximum segment size 1460
				'x',
				0, 0, 0, // padding of the frame
			},
			want: []testpkt.Layer{
				testpkt.Ethernet{Dst: testpkt.MAC{2, 0, 0, 0, 0, 2}, Src: testpkt.MAC{2, 0, 0, 0, 0, 1}, EtherType: 0x800, Exact: true},
				testpkt.IPv4{
					Version: 4, IHL: 6, TOS: 0xb8, TotalLength: 49, ID: 0x1234, Flags: testpkt.DontFragment, TTL: 3, Protocol: 6,
					Checksum: 0xbeef, Src: addr("192.0.2.7"), Dst: addr("198.51.100.9"), Options: []byte{0x94, 4, 0, 0}, Exact: true,
				},
				testpkt.TCP{
					SrcPort: 1, DstPort: 22, Seq: 0x01020304, Ack: 0x05060708, DataOffset: 6, Flags: testpkt.AE | testpkt.SYN | testpkt.ACK,
					Window: 0x1000, Checksum: 0x7798, Urgent: 9, Options: []byte{2, 4, 5, 0xb4}, Exact: true,
				},
				testpkt.Payload("x"),
				testpkt.Trailer{0, 0, 0},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := testpkt.Decode(tt.pkt)
			if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("Decode() = error %v, want %q", err, tt.err)
			}
			if d := cmp.Diff(tt.want, got, sameLayers); d != "" {
				t.Errorf("Decode() differs (-want +got):\n%s", d)
			}
			checkDecoded(t, tt.pkt)
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	eth, ip4, ip6, tcp := testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.IPv6{}, testpkt.TCP{}
	build := testpkt.MustBuild
	tests := []struct {
		name   string
		pkt    []byte
		want   string // the error
		layers string // that are decoded
	}{
		{"nothing", nil, "decode Ethernet at byte 0: header of 14 bytes is cut off", ""},
		{"Ethernet cut off", make([]byte, 13), "decode Ethernet at byte 0: header of 14 bytes is cut off", "Payload"},
		{"length of 802.3", build(testpkt.Ethernet{EtherType: 4}, testpkt.Payload("abc")), "decode Ethernet at byte 0: length of 18 bytes, but there are 17", "Ethernet Payload"},
		{"VLAN cut off", build(eth, testpkt.VLAN{})[:16], "decode VLAN at byte 14: header of 4 bytes is cut off", "Ethernet Payload"},
		{"no IPv4", build(testpkt.Ethernet{EtherType: 0x800}), "decode IPv4 at byte 14: header of 20 bytes is cut off", "Ethernet"},
		{"IPv4 cut off", build(eth, ip4)[:33], "decode IPv4 at byte 14: header of 20 bytes is cut off", "Ethernet Payload"},
		{"IPv4 options cut off", build(eth, testpkt.IPv4{IHL: 6}), "decode IPv4 at byte 14: header of 24 bytes is cut off", "Ethernet Payload"},
		{"IHL", build(eth, testpkt.IPv4{IHL: 4}), "decode IPv4 at byte 14: IHL: 4, at least 5", "Ethernet Payload"},
		{"total length 0", build(eth, testpkt.IPv4{Exact: true, IHL: 5}), "decode IPv4 at byte 14: length of 0 bytes is less than the header's 20", "Ethernet IPv4"},
		{"total length 19", build(eth, testpkt.IPv4{TotalLength: 19}, tcp), "decode IPv4 at byte 14: length of 19 bytes is less than the header's 20", "Ethernet IPv4 TCP"},
		{"total length 41", build(eth, testpkt.IPv4{TotalLength: 41}, tcp), "decode IPv4 at byte 14: length of 41 bytes, but there are 40", "Ethernet IPv4 TCP"},
		{"IPv6 cut off", build(eth, ip6)[:53], "decode IPv6 at byte 14: header of 40 bytes is cut off", "Ethernet Payload"},
		{"payload length 21", build(eth, testpkt.IPv6{PayloadLength: 21}, tcp), "decode IPv6 at byte 14: length of 61 bytes, but there are 60", "Ethernet IPv6 TCP"},
		{"payload length 19", build(eth, testpkt.IPv6{PayloadLength: 19}, tcp), "decode TCP at byte 54: header of 20 bytes is cut off", "Ethernet IPv6 Payload Trailer"},
		{"no TCP", build(eth, testpkt.IPv4{Protocol: 6}), "decode TCP at byte 34: header of 20 bytes is cut off", "Ethernet IPv4"},
		{"data offset", build(eth, ip4, testpkt.TCP{DataOffset: 4}), "decode TCP at byte 34: DataOffset: 4, at least 5", "Ethernet IPv4 Payload"},
		{"TCP options cut off", build(eth, ip4, testpkt.TCP{DataOffset: 15}), "decode TCP at byte 34: header of 60 bytes is cut off", "Ethernet IPv4 Payload"},
		{"UDP cut off", build(eth, testpkt.IPv4{Protocol: 17}, testpkt.Payload("1234567")), "decode UDP at byte 34: header of 8 bytes is cut off", "Ethernet IPv4 Payload"},
		{"UDP length 0", build(eth, ip4, testpkt.UDP{Exact: true}), "decode UDP at byte 34: length of 0 bytes is less than the header's 8", "Ethernet IPv4 UDP"},
		{"UDP length 9", build(eth, ip4, testpkt.UDP{Length: 9}), "decode UDP at byte 34: length of 9 bytes, but there are 8", "Ethernet IPv4 UDP"},
		{"first of two lies", build(eth, testpkt.IPv4{TotalLength: 99}, testpkt.UDP{Length: 9}), "decode IPv4 at byte 14: length of 99 bytes, but there are 28", "Ethernet IPv4 UDP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layers, err := testpkt.Decode(tt.pkt)
			if err == nil || err.Error() != tt.want {
				t.Errorf("Decode() = error %q, want %q", err, tt.want)
			}
			if got := names(layers); got != tt.layers {
				t.Errorf("Decode() = %s, want %s", got, tt.layers)
			}
			checkDecoded(t, tt.pkt)
		})
	}
}

// TestDecodeLayers decodes packets of which the names of the layers say enough.
func TestDecodeLayers(t *testing.T) {
	eth, ip4, ip6, tcp, udp, data := testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.IPv6{}, testpkt.TCP{}, testpkt.UDP{}, testpkt.Payload("data")
	build := testpkt.MustBuild
	tests := []struct {
		name string
		pkt  []byte
		want string
	}{
		{"Ethernet alone", build(testpkt.Ethernet{Exact: true}), "Ethernet"},
		{"EtherType 0", build(testpkt.Ethernet{Exact: true}, data), "Ethernet Payload"},
		{"unknown EtherType", build(eth, data), "Ethernet Payload"},
		{"802.3", build(testpkt.Ethernet{EtherType: 3}, data), "Ethernet Payload Trailer"},
		{"QinQ", build(eth, testpkt.VLAN{}, testpkt.VLAN{}, ip4, tcp), "Ethernet VLAN VLAN IPv4 TCP"},
		{"unknown protocol", build(eth, ip4, data), "Ethernet IPv4 Payload"},
		{"no next header", build(eth, ip6), "Ethernet IPv6"},
		{"something behind no next header", build(eth, testpkt.IPv6{NextHeader: 59}, data), "Ethernet IPv6 Payload"},
		{"TCP without data", build(eth, ip6, tcp), "Ethernet IPv6 TCP"},
		{"IP in IP in IP", build(eth, ip4, ip6, ip4, udp, data), "Ethernet IPv4 IPv6 IPv4 UDP Payload"},
		{"trailer", build(eth, ip6, udp, data, testpkt.Trailer("crc!")), "Ethernet IPv6 UDP Payload Trailer"},
		{"UDP shorter than IP", build(eth, ip4, testpkt.UDP{Length: 10}, data), "Ethernet IPv4 UDP Payload Trailer"},
		{"trailer after no payload", build(eth, ip4, udp, testpkt.Trailer("crc!")), "Ethernet IPv4 UDP Trailer"},
		{"later fragment", build(eth, testpkt.IPv4{FragmentOffset: 1, Protocol: 6}, data), "Ethernet IPv4 Payload"},
		{"last fragment", build(eth, testpkt.IPv4{FragmentOffset: 1, Flags: testpkt.MoreFragments, Protocol: 6}, data), "Ethernet IPv4 Payload"},
		{"first fragment", build(eth, testpkt.IPv4{Flags: testpkt.MoreFragments}, testpkt.UDP{Length: 99, Checksum: 1}, data), "Ethernet IPv4 UDP Payload"},
		{"tiny first fragment", build(eth, testpkt.IPv4{Flags: testpkt.MoreFragments, Protocol: 6}, testpkt.Payload("12345678")), "Ethernet IPv4 Payload"},
		{"reserved bits of a fragment", build(eth, ip6, testpkt.IPv6Fragment{Reserved: 0xff, Reserved2: 3}, udp), "Ethernet IPv6 IPv6Fragment UDP"},
		{"wrong version", build(eth, testpkt.IPv4{Version: 6}, tcp), "Ethernet IPv4 TCP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layers, err := testpkt.Decode(tt.pkt)
			if err != nil {
				t.Errorf("Decode() = %v", err)
			}
			if got := names(layers); got != tt.want {
				t.Errorf("Decode() = %s, want %s", got, tt.want)
			}
			checkDecoded(t, tt.pkt)
		})
	}
}

func TestDecodeTooManyLayers(t *testing.T) {
	tags := slices.Repeat([]testpkt.Layer{testpkt.VLAN{}}, 1023)
	pkt := testpkt.MustBuild(append([]testpkt.Layer{testpkt.Ethernet{}}, tags...)...)
	layers, err := testpkt.Decode(pkt)
	if !errors.Is(err, testpkt.ErrTooManyLayers) || len(layers) != 1023 {
		t.Errorf("Decode() = %d layers, %v, want 1023, %v", len(layers), err, testpkt.ErrTooManyLayers)
	}
	checkDecoded(t, pkt)
}

// names returns the layers' names with spaces between them.
func names(layers []testpkt.Layer) string {
	var names []string
	for _, l := range layers {
		names = append(names, strings.NewReplacer("*", "", "testpkt.", "").Replace(fmt.Sprintf("%T", l)))
	}
	return strings.Join(names, " ")
}

// checkDecoded checks what must hold for any bytes: decoding them doesn't
// panic, errors have their type, spans cover the packet, and the layers build
// the same bytes.
func checkDecoded(t *testing.T, pkt []byte) {
	t.Helper()
	spans, err := testpkt.Spans(pkt)
	var decodeErr *testpkt.DecodeError
	if err != nil && (!errors.As(err, &decodeErr) || decodeErr.Offset < 0 || decodeErr.Offset > len(pkt)) {
		t.Fatalf("Spans(%x) = %v, want a DecodeError with an offset", pkt, err)
	}
	checkSlowly(t, pkt, err)
	layers, off := make([]testpkt.Layer, 0, len(spans)), 0
	for _, s := range spans {
		if s.Start != off || s.End < s.Start {
			t.Fatalf("Spans(%x): %T from %d to %d, want it to start at %d", pkt, s.Layer, s.Start, s.End, off)
		}
		layers, off = append(layers, s.Layer), s.End
	}
	if off != len(pkt) {
		t.Fatalf("Spans(%x) end at %d, want %d", pkt, off, len(pkt))
	}
	if len(layers) == 0 {
		return // no bytes
	}
	got, err := testpkt.Build(layers...)
	if err != nil {
		t.Fatalf("Build(Decode(%x)) = %v", pkt, err)
	}
	if !bytes.Equal(got, pkt) {
		t.Fatalf("Build(Decode(pkt)) differs %s\nlayers: %+v", diff(pkt, got), layers)
	}
}

// checkSlowly decodes with a Decoder for which no layer is common, since others
// are registered, and compares with what was found in pkt before.
func checkSlowly(t *testing.T, pkt []byte, wantErr error) {
	t.Helper()
	var slow, quick testpkt.Decoder
	slow.Register(200, 0, nil)
	for range 2 { // a Decoder is quick once it has room
		if _, err := quick.Decode(pkt); fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("Decoder.Decode(%x) = %v, want %v", pkt, err, wantErr)
		}
	}
	want, err := slow.Decode(pkt)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("with other layers, Decode(%x) = %v, want %v", pkt, err, wantErr)
	}
	got, _ := quick.Decode(pkt)
	if !reflect.DeepEqual(want, got) || !slices.Equal(slow.Offsets(), quick.Offsets()) {
		d := cmp.Diff(want, got, sameLayers)
		t.Fatalf("Decode(%x) at %v, slowly at %v (-slowly +quickly):\n%s", pkt, quick.Offsets(), slow.Offsets(), d)
	}
}

// TestDecodeRandom decodes random packets, whole, cut off at every length, and
// with random bytes changed.
func TestDecodeRandom(t *testing.T) {
	r := newRand(t)
	for range 20 {
		pkt := testpkt.MustBuild(pktgen.Stack(r)...)
		if _, err := testpkt.Decode(pkt); err != nil {
			t.Fatalf("Decode(%x) = %v", pkt, err)
		}
		checkDecoded(t, pkt)
		for n := range min(len(pkt), 200) {
			checkDecoded(t, pkt[:n])
		}
		for range 20 {
			pkt[r.IntN(min(len(pkt), 150))] = byte(r.Uint32())
			checkDecoded(t, pkt)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, tt := range allBuildTests {
		f.Add(tt.want)
	}
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, pkt []byte) { checkDecoded(t, pkt) })
}

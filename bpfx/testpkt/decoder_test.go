package testpkt_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx/testpkt"
)

func TestDecoderLinkType(t *testing.T) {
	ip4, ip6 := testpkt.MustBuild(testpkt.IPv4{}, testpkt.UDP{}), testpkt.MustBuild(testpkt.IPv6{}, testpkt.UDP{})
	tests := []struct {
		linkType testpkt.LinkType
		pkt      []byte
		want     string
	}{
		{testpkt.LinkTypeEthernet, testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}), "Ethernet IPv4"},
		{testpkt.LinkTypeIP, ip4, "IPv4 UDP"},
		{testpkt.LinkTypeIP, ip6, "IPv6 UDP"},
		{testpkt.LinkTypeIPv4, ip4, "IPv4 UDP"},
		{testpkt.LinkTypeIPv6, ip6, "IPv6 UDP"},
		{147, ip6, "Payload"},
	}
	for _, tt := range tests {
		d := testpkt.Decoder{LinkType: tt.linkType}
		layers, err := d.Decode(tt.pkt)
		if got := names(layers); got != tt.want || err != nil {
			t.Errorf("link type %d: Decode() = %s, %v, want %s", tt.linkType, got, err, tt.want)
		}
	}
	d := testpkt.Decoder{LinkType: testpkt.LinkTypeIP}
	if _, err := d.Decode(nil); err == nil || err.Error() != "decode IPv4 at byte 0: header of 20 bytes is cut off" {
		t.Errorf("Decode(nil) = %v, want an error", err)
	}
}

// TestDecoderReuse decodes packets with one Decoder: each gives pointers to
// what Decode returns, and none allocates the second time.
func TestDecoderReuse(t *testing.T) {
	var d testpkt.Decoder
	for range 2 {
		for _, tt := range allBuildTests {
			got, gotErr := d.Decode(tt.want)
			want, wantErr := testpkt.Decode(tt.want)
			if (gotErr == nil) != (wantErr == nil) {
				t.Errorf("%s: Decoder.Decode() = %v, want %v", tt.name, gotErr, wantErr)
			}
			values := make([]testpkt.Layer, len(got))
			for i, l := range got {
				values[i] = reflect.ValueOf(l).Elem().Interface().(testpkt.Layer)
			}
			if diff := cmp.Diff(want, values, sameLayers); diff != "" {
				t.Errorf("%s: Decoder.Decode() differs (-want +got):\n%s", tt.name, diff)
			}
		}
	}
	for _, tt := range allBuildTests {
		if _, err := d.Decode(tt.want); err != nil {
			continue // errors are allocated
		}
		if n := testing.AllocsPerRun(10, func() { _, _ = d.Decode(tt.want) }); n != 0 {
			t.Errorf("%s: Decoder.Decode() makes %v allocations, want 0", tt.name, n)
		}
	}
}

func TestDecoderOffsets(t *testing.T) {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}, testpkt.Payload("data"), testpkt.Trailer("crc!"))
	var d testpkt.Decoder
	if _, err := d.Decode(pkt); err != nil {
		t.Fatal(err)
	}
	if got, want := d.Offsets(), []int{0, 14, 34, 42, 46}; !slices.Equal(got, want) {
		t.Errorf("Offsets() = %v, want %v", got, want)
	}
}

func decodeShim(b []byte) (testpkt.Head, error) {
	if len(b) < 8 {
		return testpkt.Head{Layer: shim{}}, errors.New("too short")
	}
	return testpkt.Head{
		Layer: shim{Src: netip.AddrFrom4([4]byte(b)), Dst: netip.AddrFrom4([4]byte(b[4:]))},
		Len:   8, Space: testpkt.SpaceIPProtocol, Number: 17,
	}, nil
}

// message is a layer that says how long it is.
type message struct{ Len uint16 }

func (l message) Append(b []byte, p testpkt.Place) ([]byte, error) {
	return p.AppendNext(binary.BigEndian.AppendUint16(b, l.Len))
}

func (l message) Number(s testpkt.Space) (uint16, bool) { return 999, s == testpkt.SpaceUDPPort }

func decodeMessage(b []byte) (testpkt.Head, error) {
	if len(b) < 2 {
		return testpkt.Head{}, errors.New("too short")
	}
	n := binary.BigEndian.Uint16(b)
	return testpkt.Head{Layer: message{n}, Len: 2, Total: int(n)}, nil
}

func TestDecoderRegister(t *testing.T) {
	var d testpkt.Decoder
	d.Register(testpkt.SpaceEtherType, 0x9000, decodeShim)
	d.Register(testpkt.SpaceUDPPort, 999, decodeMessage)
	d.Register(testpkt.SpaceIPProtocol, testpkt.ProtocolTCP, nil)
	d.Register(testpkt.SpaceIPProtocol, 200, func([]byte) (testpkt.Head, error) {
		return testpkt.Head{Layer: message{}, Len: 1000}, nil
	})
	src, dst := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	eth, ip4, udp := testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}
	build := testpkt.MustBuild
	tests := []struct {
		name string
		pkt  []byte
		want string
		err  string
	}{
		{"both", build(eth, shim{src, dst}, udp, message{6}, testpkt.Payload("data")), "Ethernet testpkt_test.shim UDP testpkt_test.message Payload", ""},
		{"TCP is a payload", build(eth, ip4, testpkt.TCP{}), "Ethernet IPv4 Payload", ""},
		{"shorter", build(eth, ip4, udp, message{5}, testpkt.Payload("data")), "Ethernet IPv4 UDP testpkt_test.message Payload Trailer", ""},
		{
			"length lies", build(eth, ip4, udp, message{7}, testpkt.Payload("data")), "Ethernet IPv4 UDP testpkt_test.message Payload",
			"decode testpkt_test.message at byte 42: length of 7 bytes, but there are 6",
		},
		{
			"an error", build(testpkt.Ethernet{EtherType: 0x9000}, testpkt.Payload("1234567")), "Ethernet Payload",
			"decode testpkt_test.shim at byte 14: too short",
		},
		{
			"an error without a layer", build(eth, ip4, testpkt.UDP{DstPort: 999}, testpkt.Payload("1")), "Ethernet IPv4 UDP Payload",
			"decode layer 0x3e7 of space 4 at byte 42: too short",
		},
		{
			"a header that isn't there", build(eth, testpkt.IPv4{Protocol: 200}, testpkt.Payload("1")), "Ethernet IPv4 Payload",
			"decode testpkt_test.message at byte 34: header of 1000 bytes in 1",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layers, err := d.Decode(tt.pkt)
			if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("Decode() = error %v, want %q", err, tt.err)
			}
			if got := names(layers); got != tt.want {
				t.Errorf("Decode() = %s, want %s", got, tt.want)
			}
			got, err := testpkt.Build(layers...)
			if d := diff(tt.pkt, got); d != "" || err != nil {
				t.Errorf("Build() = %v, differs %s", err, d)
			}
		})
	}
}

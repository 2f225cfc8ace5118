package testpkt_test

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
)

// errorTest is layers that can't be built.
type errorTest struct {
	name   string
	layers []testpkt.Layer
	want   string // "index (layer): field"
}

func TestBuildErrors(t *testing.T) {
	var (
		eth = testpkt.Ethernet{}
		ip4 = testpkt.IPv4{}
		ip6 = testpkt.IPv6{}
		tcp = testpkt.TCP{}
		udp = testpkt.UDP{}
		v4  = netip.MustParseAddr("192.0.2.1")
		v6  = netip.MustParseAddr("2001:db8::1")
	)
	data := func(n int) testpkt.Payload { return make(testpkt.Payload, n) }
	tests := []errorTest{
		{"TCP on Ethernet", []testpkt.Layer{eth, tcp}, "0 (Ethernet): EtherType: TCP cannot follow"},
		{"TCP on VLAN", []testpkt.Layer{eth, testpkt.VLAN{}, &tcp}, "1 (VLAN): EtherType: TCP cannot follow"},
		{"Ethernet in Ethernet", []testpkt.Layer{eth, eth}, "0 (Ethernet): EtherType"},
		{"Ethernet in IPv4", []testpkt.Layer{ip4, eth}, "0 (IPv4): Protocol: Ethernet cannot follow"},
		{"VLAN in IPv6", []testpkt.Layer{ip6, testpkt.VLAN{}}, "0 (IPv6): NextHeader: VLAN cannot follow"},
		{"Ethernet in TCP", []testpkt.Layer{eth, ip4, tcp, eth}, "2 (TCP): DstPort: Ethernet cannot follow"},
		{"Ethernet in TCP to a port", []testpkt.Layer{ip4, testpkt.TCP{DstPort: 1}, eth}, "1 (TCP): DstPort"},
		{"TCP in UDP", []testpkt.Layer{ip4, udp, tcp}, "1 (UDP): DstPort: TCP cannot follow"},
		{"IPv4 in UDP", []testpkt.Layer{ip4, udp, ip4}, "1 (UDP): DstPort: IPv4 cannot follow"},
		{"protocol of 9 bits", []testpkt.Layer{ip4, odd{}}, "0 (IPv4): Protocol: testpkt_test.odd cannot follow"},
		{"next header of 9 bits", []testpkt.Layer{ip6, &odd{}}, "0 (IPv6): NextHeader: testpkt_test.odd"},
		{"TCP alone", []testpkt.Layer{tcp}, "0 (TCP): Checksum: no IPv4 or IPv6"},
		{"UDP alone", []testpkt.Layer{udp}, "0 (UDP): Checksum: no IPv4 or IPv6"},
		{"UDP on Ethernet by force", []testpkt.Layer{testpkt.Ethernet{EtherType: 1}, udp}, "1 (UDP): Checksum"},

		{"IPv6 source in IPv4", []testpkt.Layer{testpkt.IPv4{Src: v6}}, "0 (IPv4): Src: 2001:db8::1 is not"},
		{"IPv6 destination in IPv4", []testpkt.Layer{testpkt.IPv4{Dst: v6, Exact: true}}, "0 (IPv4): Dst"},
		{"mapped address in IPv4", []testpkt.Layer{testpkt.IPv4{Dst: netip.MustParseAddr("::ffff:1.2.3.4")}}, "0 (IPv4): Dst"},
		{"IPv4 source in IPv6", []testpkt.Layer{testpkt.IPv6{Src: v4}}, "0 (IPv6): Src: 192.0.2.1 is not"},
		{"IPv4 destination in IPv6", []testpkt.Layer{testpkt.IPv6{Dst: v4}}, "0 (IPv6): Dst"},
		{"zone in source", []testpkt.Layer{testpkt.IPv6{Src: v6.WithZone("eth0")}}, "0 (IPv6): Src"},
		{"zone in destination", []testpkt.Layer{testpkt.IPv6{Dst: v6.WithZone("eth0")}}, "0 (IPv6): Dst"},

		{"IPv4 too long", []testpkt.Layer{eth, ip4, data(65516)}, "1 (IPv4): TotalLength"},
		{"IPv6 too long", []testpkt.Layer{eth, ip6, data(65536)}, "1 (IPv6): PayloadLength"},
		{"UDP too long", []testpkt.Layer{eth, ip6, udp, data(65528)}, "2 (UDP): Length"},
		{"TCP too long", []testpkt.Layer{eth, ip4, tcp, data(65496)}, "1 (IPv4): TotalLength"},
		{"IPv4 options", []testpkt.Layer{testpkt.IPv4{Options: data(41)}}, "0 (IPv4): Options"},
		{"TCP options", []testpkt.Layer{ip4, testpkt.TCP{Options: data(41), Exact: true}}, "1 (TCP): Options"},

		{"VLAN priority", []testpkt.Layer{testpkt.VLAN{Priority: 8}}, "0 (VLAN): Priority"},
		{"VLAN id", []testpkt.Layer{testpkt.VLAN{ID: 4096}}, "0 (VLAN): ID"},
		{"IPv4 version", []testpkt.Layer{testpkt.IPv4{Version: 16}}, "0 (IPv4): Version"},
		{"IPv4 IHL", []testpkt.Layer{testpkt.IPv4{IHL: 16}}, "0 (IPv4): IHL"},
		{"IPv4 flags", []testpkt.Layer{testpkt.IPv4{Flags: 8}}, "0 (IPv4): Flags"},
		{"IPv4 fragment offset", []testpkt.Layer{testpkt.IPv4{FragmentOffset: 8192}}, "0 (IPv4): FragmentOffset"},
		{"IPv6 version", []testpkt.Layer{testpkt.IPv6{Version: 16}}, "0 (IPv6): Version"},
		{"IPv6 flow label", []testpkt.Layer{testpkt.IPv6{FlowLabel: 1 << 20}}, "0 (IPv6): FlowLabel"},
		{"TCP data offset", []testpkt.Layer{ip4, testpkt.TCP{DataOffset: 16}}, "1 (TCP): DataOffset"},
		{"TCP flags", []testpkt.Layer{ip4, testpkt.TCP{Flags: 0x1000}}, "1 (TCP): Flags"},

		{"nil layer", []testpkt.Layer{eth, nil, tcp}, "1 (<nil>): nil layer"},
		{"nil pointer", []testpkt.Layer{eth, ip4, (*testpkt.TCP)(nil)}, "2 (TCP): nil layer"},
		{"nil pointer first", []testpkt.Layer{(*testpkt.Ethernet)(nil)}, "0 (Ethernet): nil layer"},
	}
	for _, tt := range append(tests, layerErrorTests()...) {
		t.Run(tt.name, func(t *testing.T) {
			pkt, err := testpkt.Build(tt.layers...)
			var layerErr *testpkt.LayerError
			if !errors.As(err, &layerErr) || !strings.HasPrefix(err.Error(), "layer "+tt.want) {
				t.Errorf("Build() = %v, want a LayerError: layer %s...", err, tt.want)
			}
			if pkt != nil {
				t.Errorf("Build() = %d bytes and an error, want none", len(pkt))
			}
			if isNil := strings.HasSuffix(tt.want, "nil layer"); errors.Is(err, testpkt.ErrNilLayer) != isNil {
				t.Errorf("errors.Is(%v, ErrNilLayer) = %v, want %v", err, !isNil, isNil)
			}

			buf, err := testpkt.AppendTo([]byte("kept"), tt.layers...)
			if err == nil || !bytes.Equal(buf, []byte("kept")) {
				t.Errorf("AppendTo() = %q, %v, want the buffer unchanged and an error", buf, err)
			}
		})
	}
}

// odd is a layer whose number is too large for every space of 8 bits.
type odd struct{}

func (odd) Append(b []byte, p testpkt.Place) ([]byte, error) { return p.AppendNext(b) }
func (odd) Number(testpkt.Space) (uint16, bool)              { return 256, true }

func TestBuildLimits(t *testing.T) {
	tests := []struct {
		name   string
		layers []testpkt.Layer
		want   int // bytes
	}{
		{"IPv4", []testpkt.Layer{testpkt.IPv4{}, make(testpkt.Payload, 65515)}, 65535},
		{"IPv6", []testpkt.Layer{testpkt.IPv6{}, make(testpkt.Payload, 65535)}, 65575},
		{"UDP", []testpkt.Layer{testpkt.IPv6{}, testpkt.UDP{}, make(testpkt.Payload, 65527)}, 65575},
		{"TCP", []testpkt.Layer{testpkt.IPv4{}, testpkt.TCP{}, make(testpkt.Payload, 65495)}, 65535},
		{"IPv4 options", []testpkt.Layer{testpkt.IPv4{Options: make([]byte, 40)}}, 60},
		{"TCP options", []testpkt.Layer{testpkt.IPv4{}, testpkt.TCP{Options: make([]byte, 40)}}, 80},
		{"length given", []testpkt.Layer{testpkt.IPv4{TotalLength: 1}, make(testpkt.Payload, 70000)}, 70020},
		{"layers", slices.Repeat([]testpkt.Layer{testpkt.VLAN{}}, 1024), 4096},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pkt, err := testpkt.Build(tt.layers...)
			if err != nil || len(pkt) != tt.want {
				t.Errorf("Build() = %d bytes, %v, want %d", len(pkt), err, tt.want)
			}
		})
	}
}

func TestBuildNoLayers(t *testing.T) {
	if _, err := testpkt.Build(); !errors.Is(err, testpkt.ErrNoLayers) {
		t.Errorf("Build() = %v, want %v", err, testpkt.ErrNoLayers)
	}
	layers := slices.Repeat([]testpkt.Layer{testpkt.VLAN{}}, 1025)
	if _, err := testpkt.Build(layers...); !errors.Is(err, testpkt.ErrTooManyLayers) {
		t.Errorf("Build() of 1025 layers = %v, want %v", err, testpkt.ErrTooManyLayers)
	}
}

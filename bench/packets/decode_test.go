package packets

import (
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/bpfx/go/bpfx/testpkt"
)

// decodePackets are what BenchmarkDecode decodes.
var decodePackets = []struct {
	name   string
	layers []testpkt.Layer
}{
	{"tcp4", []testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{}, make(testpkt.Payload, 64)}},
	{"tcp4-options", []testpkt.Layer{
		testpkt.Ethernet{}, testpkt.IPv4{},
		testpkt.TCP{Flags: testpkt.SYN, Options: testpkt.Options(testpkt.MSS(1460), testpkt.SACKPermitted{}, testpkt.Timestamps{Value: 1}, testpkt.NoOperation{}, testpkt.WindowScale(7))},
	}},
	{"vlan-udp6", []testpkt.Layer{testpkt.Ethernet{}, testpkt.VLAN{ID: 7}, testpkt.IPv6{}, testpkt.UDP{}, make(testpkt.Payload, 64)}},
	{"vxlan", []testpkt.Layer{
		testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}, testpkt.VXLAN{VNI: 7},
		testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{}, make(testpkt.Payload, 64),
	}},
}

// BenchmarkDecode decodes to structs that are used again, with gopacket's
// DecodingLayerParser and with testpkt's Decoder.
func BenchmarkDecode(b *testing.B) {
	for _, p := range decodePackets {
		pkt := testpkt.MustBuild(p.layers...)
		b.Run(p.name+"/bpfx", func(b *testing.B) {
			var d testpkt.Decoder
			b.ReportAllocs()
			for b.Loop() {
				got, err := d.Decode(pkt)
				if err != nil || len(got) != len(p.layers) {
					b.Fatalf("%d layers, %v", len(got), err)
				}
			}
		})
		b.Run(p.name+"/gopacket", func(b *testing.B) {
			var eth layers.Ethernet
			var tag layers.Dot1Q
			var ip4 layers.IPv4
			var ip6 layers.IPv6
			var tcp layers.TCP
			var udp layers.UDP
			var vxlan layers.VXLAN
			var payload gopacket.Payload
			// gopacket has one struct per type: of a tunnel, the inner headers
			// overwrite the outer ones.
			parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet)
			parser.SetDecodingLayerContainer(gopacket.DecodingLayerArray(nil)) // the fastest
			for _, l := range []gopacket.DecodingLayer{&eth, &tag, &ip4, &ip6, &tcp, &udp, &vxlan, &payload} {
				parser.AddDecodingLayer(l)
			}
			decoded := make([]gopacket.LayerType, 0, 16)
			b.ReportAllocs()
			for b.Loop() {
				if err := parser.DecodeLayers(pkt, &decoded); err != nil || len(decoded) != len(p.layers) {
					b.Fatalf("%d layers, %v", len(decoded), err)
				}
			}
		})
	}
}

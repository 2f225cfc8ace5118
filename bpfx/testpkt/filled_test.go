package testpkt_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx/testpkt"
)

func TestFilled(t *testing.T) {
	addr := netip.MustParseAddr
	tests := []struct {
		name   string
		layers []testpkt.Layer
		want   []testpkt.Layer
	}{
		{
			"defaults", []testpkt.Layer{&testpkt.IPv4{}, testpkt.UDP{}},
			[]testpkt.Layer{
				testpkt.IPv4{
					Version: 4, IHL: 5, TotalLength: 28, TTL: 64, Protocol: 17, Checksum: 0x66cf,
					Src: addr("10.0.0.1"), Dst: addr("10.0.0.2"), Exact: true,
				},
				testpkt.UDP{SrcPort: 12345, DstPort: 80, Length: 8, Checksum: 0xbb52, Exact: true},
			},
		},
		{
			"payloads", []testpkt.Layer{testpkt.Payload(nil), testpkt.Payload("a"), testpkt.Payload{}, testpkt.Payload("bc"), testpkt.Trailer("t")},
			[]testpkt.Layer{testpkt.Payload("abc"), testpkt.Trailer("t")},
		},
		{"nothing left", []testpkt.Layer{testpkt.Payload{}, testpkt.Trailer{}}, []testpkt.Layer{}},
		{
			"lies stay", []testpkt.Layer{testpkt.IPv4{IHL: 15, TotalLength: 9, Checksum: 1}, testpkt.TCP{DataOffset: 1, Checksum: 2}},
			[]testpkt.Layer{
				testpkt.IPv4{
					Version: 4, IHL: 15, TotalLength: 9, TTL: 64, Protocol: 6, Checksum: 1,
					Src: addr("10.0.0.1"), Dst: addr("10.0.0.2"), Exact: true,
				},
				testpkt.TCP{SrcPort: 12345, DstPort: 80, DataOffset: 1, Window: 65535, Checksum: 2, Exact: true},
			},
		},
		{
			"more lies",
			[]testpkt.Layer{
				testpkt.IPv6HopByHop{NextHeader: 1, Length: 9}, testpkt.IPv6Destination{NextHeader: 2, Length: 7},
				testpkt.IPv6Routing{NextHeader: 3, Length: 5}, testpkt.GRE{Flags: 1 << 11, Protocol: 1},
			},
			[]testpkt.Layer{
				testpkt.IPv6HopByHop{NextHeader: 1, Length: 9, Options: testpkt.Options(testpkt.Pad(6)), Exact: true},
				testpkt.IPv6Destination{NextHeader: 2, Length: 7, Options: testpkt.Options(testpkt.Pad(6)), Exact: true},
				testpkt.IPv6Routing{NextHeader: 3, Length: 5, Data: make([]byte, 4), Exact: true},
				testpkt.GRE{Flags: 1 << 11, Protocol: 1, Exact: true},
			},
		},
		{
			"lengths of ARP", []testpkt.Layer{testpkt.ARP{HardwareLen: 8}},
			[]testpkt.Layer{testpkt.ARP{
				HardwareType: 1, ProtocolType: 0x800, HardwareLen: 8, ProtocolLen: 4, Operation: 1,
				SenderMAC: testpkt.MAC{5: 1}, Sender: addr("10.0.0.1"), Target: addr("10.0.0.2"), Exact: true,
			}},
		},
		{
			"exact layers and those of others", []testpkt.Layer{label(3), testpkt.IPv4{Exact: true}, embedding{}},
			[]testpkt.Layer{label(3), testpkt.IPv4{Exact: true}, embedding{}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := testpkt.Filled(tt.layers...)
			if d := cmp.Diff(tt.want, got, sameLayers); err != nil || d != "" {
				t.Errorf("Filled() = %v, differs (-want +got):\n%s", err, d)
			}
		})
	}
	if got, err := testpkt.Filled(testpkt.TCP{}); err == nil {
		t.Errorf("Filled() of what can't be built = %v", got)
	}
	if _, err := testpkt.Filled(); err == nil {
		t.Error("Filled() of nothing succeeds")
	}
}

// embedding is a layer of another package.
type embedding struct{ testpkt.IPv6Fragment }

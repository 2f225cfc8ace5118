package testpkt

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestAppendCommon builds random packets in one pass and by their layers: both
// must be the same, and all that isn't common must be left to the layers.
func TestAppendCommon(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	common := 0
	for range 3000 {
		layers := randomCommon(r)
		buf := bytes.Repeat([]byte{0xff}, 3+r.IntN(300))[:r.IntN(3)]
		want, err := appendLayers(bytes.Clone(buf), layers)
		got := appendCommon(buf, layers)
		if got == nil {
			continue
		}
		if common++; err != nil || !bytes.Equal(got, want) {
			t.Fatalf("appendCommon(%+v) = %x, want %x, %v", layers, got, want, err)
		}
	}
	if common < 600 {
		t.Errorf("%d of 3000 packets were common", common)
	}
}

// rarely returns v one time in 30, else zero.
func rarely[T any](r *rand.Rand, v T) T {
	var zero T
	if r.IntN(30) == 0 {
		return v
	}
	return zero
}

// often returns v every second time, else zero.
func often[T any](r *rand.Rand, v T) T {
	var zero T
	if r.IntN(2) == 0 {
		return v
	}
	return zero
}

// maybePointer returns v or a pointer to it, rarely a nil one.
func maybePointer[T Layer, P interface {
	*T
	Layer
}](r *rand.Rand, v T) Layer {
	switch r.IntN(60) {
	case 0:
		return P(nil)
	case 1:
		return nil
	}
	if r.IntN(2) == 0 {
		return P(&v)
	}
	return v
}

func randomCommon(r *rand.Rand) []Layer {
	layers := []Layer{maybePointer(r, Ethernet{
		Dst: often(r, MAC{2, byte(r.Uint32())}), Src: often(r, MAC{5: byte(r.Uint32())}),
		EtherType: rarely(r, uint16(0x800)), Exact: rarely(r, true),
	})}
	for range r.IntN(3) * r.IntN(2) {
		layers = append(layers, maybePointer(r, VLAN{
			Priority: uint8(r.IntN(8)) + rarely(r, uint8(8)), DropEligible: r.IntN(2) == 0, ID: uint16(r.IntN(4096)) + rarely(r, uint16(4096)),
			EtherType: rarely(r, uint16(5)), Exact: rarely(r, true),
		}))
	}
	if r.IntN(2) == 0 {
		layers = append(layers, maybePointer(r, randomCommon4(r)))
	} else {
		layers = append(layers, maybePointer(r, randomCommon6(r)))
	}
	if r.IntN(2) == 0 {
		layers = append(layers, maybePointer(r, TCP{
			SrcPort: often(r, uint16(r.Uint32())), DstPort: often(r, uint16(r.Uint32())), Seq: r.Uint32(), Ack: r.Uint32(),
			Flags: TCPFlags(r.IntN(4096)) + rarely(r, TCPFlags(4096)), Window: often(r, uint16(r.Uint32())), Urgent: uint16(r.Uint32()),
			DataOffset: rarely(r, uint8(5)), Checksum: rarely(r, uint16(1)), Options: rarely(r, []byte{1}), Exact: rarely(r, true),
		}))
	} else {
		layers = append(layers, maybePointer(r, UDP{
			SrcPort: often(r, uint16(r.Uint32())), DstPort: often(r, uint16(r.Uint32())),
			Length: rarely(r, uint16(8)), Checksum: rarely(r, uint16(1)), Exact: rarely(r, true),
		}))
	}
	if r.IntN(4) > 0 {
		layers = append(layers, Payload(make([]byte, r.IntN(200)+rarely(r, 65300))))
		for i := range layers[len(layers)-1].(Payload) {
			layers[len(layers)-1].(Payload)[i] = byte(r.Uint32())
		}
	}
	if r.IntN(30) == 0 {
		layers = append(layers, Trailer("end"))
	}
	return layers
}

func randomCommon4(r *rand.Rand) IPv4 {
	return IPv4{
		TOS: uint8(r.Uint32()), ID: uint16(r.Uint32()), Flags: often(r, DontFragment) + rarely(r, MoreFragments), TTL: often(r, uint8(r.Uint32())),
		Src: often(r, netip.AddrFrom4([4]byte{byte(r.Uint32()), 1, 2, 3})), Dst: often(r, netip.AddrFrom4([4]byte{255, 255, 255, byte(r.Uint32())})),
		Version: rarely(r, uint8(4)), IHL: rarely(r, uint8(5)), Protocol: rarely(r, uint8(6)), TotalLength: rarely(r, uint16(40)), Checksum: rarely(r, uint16(1)),
		FragmentOffset: rarely(r, uint16(1)), Options: rarely(r, []byte{1}), Exact: rarely(r, true),
	}
}

func randomCommon6(r *rand.Rand) IPv6 {
	var a [16]byte
	for i := range a {
		a[i] = byte(r.Uint32())
	}
	return IPv6{
		TrafficClass: uint8(r.Uint32()), FlowLabel: r.Uint32N(1<<20) + rarely(r, uint32(1<<20)), HopLimit: often(r, uint8(r.Uint32())),
		Src: often(r, netip.AddrFrom16(a)), Dst: often(r, netip.AddrFrom16(a)),
		Version: rarely(r, uint8(6)), NextHeader: rarely(r, uint8(6)), PayloadLength: rarely(r, uint16(1)), Exact: rarely(r, true),
	}
}

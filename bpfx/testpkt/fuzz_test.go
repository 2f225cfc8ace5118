package testpkt_test

import (
	"net/netip"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/internal/pktgen"
)

// reader takes fields of layers from the bytes of the fuzzer, zeros at the end.
type reader []byte

func (r *reader) byte() byte {
	if len(*r) == 0 {
		return 0
	}
	b := (*r)[0]
	*r = (*r)[1:]
	return b
}

func (r *reader) uint16() uint16 { return uint16(r.byte())<<8 | uint16(r.byte()) }

func (r *reader) bytes() []byte {
	n := min(int(r.byte()), len(*r))
	b := (*r)[:n:n]
	*r = (*r)[n:]
	return b
}

func (r *reader) addr() netip.Addr {
	a, _ := netip.AddrFromSlice(r.bytes()) // valid if there are 4 or 16
	if r.byte() == 1 {
		a = a.WithZone("zone")
	}
	return a
}

// layer returns any layer, in any state: values too wide, wrong family, nil.
func (r *reader) layer() testpkt.Layer {
	kind := r.byte()
	exact := kind >= 128
	if kind&16 != 0 {
		return r.otherLayer(kind%16, exact)
	}
	switch kind % 16 {
	case 0:
		return testpkt.Ethernet{Dst: testpkt.MAC{5: r.byte()}, EtherType: r.uint16(), Exact: exact}
	case 1:
		return testpkt.VLAN{Priority: r.byte(), ID: r.uint16(), EtherType: r.uint16(), Exact: exact}
	case 2, 3:
		return testpkt.IPv4{
			Version: r.byte(), IHL: r.byte(), TotalLength: r.uint16(),
			Flags: testpkt.IPv4Flags(r.byte()), FragmentOffset: r.uint16(), TTL: r.byte(),
			Protocol: r.byte(), Checksum: r.uint16(), Src: r.addr(), Dst: r.addr(),
			Options: r.bytes(), Exact: exact,
		}
	case 4, 5:
		return &testpkt.IPv6{
			Version: r.byte(), FlowLabel: uint32(r.uint16()) << 5, PayloadLength: r.uint16(),
			NextHeader: r.byte(), HopLimit: r.byte(), Src: r.addr(), Dst: r.addr(), Exact: exact,
		}
	case 6, 7:
		return testpkt.TCP{
			SrcPort: r.uint16(), DstPort: r.uint16(), DataOffset: r.byte(),
			Flags: testpkt.TCPFlags(r.uint16()), Checksum: r.uint16(), Options: r.bytes(), Exact: exact,
		}
	case 8, 9:
		return testpkt.UDP{
			SrcPort: r.uint16(), DstPort: r.uint16(), Length: r.uint16(), Checksum: r.uint16(), Exact: exact,
		}
	case 10:
		return make(testpkt.Payload, int(r.uint16())*2)
	case 11:
		return nil
	case 12:
		return (*testpkt.IPv4)(nil)
	case 13:
		return testpkt.IPv4{}
	case 14:
		return &testpkt.TCP{}
	}
	return testpkt.Payload(r.bytes())
}

// otherLayer returns a layer that isn't in every packet, in any state.
func (r *reader) otherLayer(kind uint8, exact bool) testpkt.Layer {
	switch kind {
	case 0:
		return testpkt.ARP{HardwareLen: r.byte(), Operation: r.uint16(), Sender: r.addr(), Target: r.addr(), Exact: exact}
	case 1:
		return testpkt.ICMP{Type: r.byte(), Code: r.byte(), Checksum: r.uint16(), Seq: r.uint16(), Exact: exact}
	case 2:
		return testpkt.ICMPv6{Type: r.byte(), Code: r.byte(), Checksum: r.uint16(), Seq: r.uint16(), Exact: exact}
	case 3:
		return testpkt.NeighborSolicit{Checksum: r.uint16(), Target: r.addr(), Options: r.bytes(), Exact: exact}
	case 4:
		return testpkt.NeighborAdvert{Router: r.byte() > 9, Reserved: uint32(r.uint16()) << 14, Target: r.addr(), Options: r.bytes(), Exact: exact}
	case 5:
		return testpkt.RouterSolicit{Reserved: uint32(r.uint16()), Options: r.bytes(), Exact: exact}
	case 6:
		return testpkt.RouterAdvert{Flags: testpkt.RouterFlags(r.byte()), Lifetime: r.uint16(), Options: r.bytes(), Exact: exact}
	case 7:
		return testpkt.GRE{
			Flags: testpkt.GREFlags(r.uint16()), Version: r.byte(), Protocol: r.uint16(), Checksum: r.uint16(),
			Key: uint32(r.byte()), Seq: uint32(r.byte()), Exact: exact,
		}
	case 8:
		return testpkt.VXLAN{Flags: r.byte(), VNI: uint32(r.uint16()) << 9, Reserved: uint32(r.uint16()) << 9, Exact: exact}
	case 9:
		return testpkt.IPv6HopByHop{NextHeader: r.byte(), Length: r.byte(), Options: r.bytes(), Exact: exact}
	case 10:
		return testpkt.IPv6Destination{NextHeader: r.byte(), Length: r.byte(), Options: make([]byte, r.uint16()%3000), Exact: exact}
	case 11:
		return testpkt.IPv6Routing{NextHeader: r.byte(), Length: r.byte(), Type: r.byte(), SegmentsLeft: r.byte(), Data: r.bytes(), Exact: exact}
	case 12:
		return testpkt.IPv6Fragment{NextHeader: r.byte(), Offset: r.uint16(), Reserved2: r.byte(), More: r.byte() > 9, ID: 1, Exact: exact}
	case 13:
		return testpkt.Trailer(r.bytes())
	}
	return label(r.uint16())
}

// FuzzBuild builds packets of any layers: that mustn't panic, the result
// mustn't depend on where it is built, and it must be built again of the layers
// that are filled and that are decoded.
func FuzzBuild(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0, 13, 14, 15, 2, 'h', 'i'})
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 7, 0, 0, 1, 0, 0, 8, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8})
	for kind := range byte(16) {
		f.Add([]byte{0, 0, 0x60, 0, 16 + kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15})
		f.Add([]byte{144 + kind, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	}
	f.Add([]byte{13, 11})
	f.Add([]byte{13, 12})
	f.Add([]byte{14})
	f.Add([]byte{13, 10, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := reader(data)
		var layers []testpkt.Layer
		for len(r) > 0 {
			layers = append(layers, r.layer())
		}
		pkt, err := testpkt.Build(layers...)
		buf, appendErr := testpkt.AppendTo([]byte{0xff}, layers...)
		if (err == nil) != (appendErr == nil) {
			t.Fatalf("Build() = %v, AppendTo() = %v", err, appendErr)
		}
		if d := diff(append([]byte{0xff}, pkt...), buf); d != "" {
			t.Errorf("Build() and AppendTo() of %+v differ %s", layers, d)
		}
		if err != nil {
			return
		}
		checkDecoded(t, pkt)
		filled, err := testpkt.Filled(layers...)
		if err != nil {
			t.Fatalf("Filled(%+v) = %v, but it can be built", layers, err)
		}
		if len(pkt) == 0 {
			return
		}
		again, err := testpkt.Build(filled...)
		if d := diff(pkt, again); err != nil || d != "" {
			t.Errorf("Build(Filled(%+v)) = %v, differs %s", layers, err, d)
		}
	})
}

// TestRandomSums verifies the checksums of random packets with a naive sum.
func TestRandomSums(t *testing.T) {
	r := newRand(t)
	for range 2000 {
		ip, tcp := pktgen.IPv4(r), pktgen.TCP(r)
		pkt := testpkt.MustBuild(ip, tcp, testpkt.Payload(pktgen.Bytes(r, r.IntN(300))))
		n := int(pkt[0]&0xf) * 4
		if sum := naiveSum(0, pkt[:n]); sum != 0xffff {
			t.Fatalf("sum over the IPv4 header %x = %#04x, want 0xffff", pkt[:n], sum)
		}
		seg := pkt[n:]
		pseudo := append(pkt[12:20:20], 0, testpkt.ProtocolTCP, byte(len(seg)>>8), byte(len(seg)))
		if sum := naiveSum(naiveSum(0, pseudo), seg); sum != 0xffff {
			t.Fatalf("sum over the TCP segment %x = %#04x, want 0xffff", seg, sum)
		}
	}
}

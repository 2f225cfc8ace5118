package testpkt_test

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/bpfx/go/bpfx/testpkt"
)

func ExampleBuild() {
	pkt, err := testpkt.Build(
		testpkt.Ethernet{},
		testpkt.IPv4{Src: netip.MustParseAddr("192.0.2.7")},
		testpkt.TCP{DstPort: 22, Flags: testpkt.SYN},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%x\n%x\n%x\n", pkt[:14], pkt[14:34], pkt[34:])
	// Output:
	// 0000000000020000000000010800
	// 45000028000000004006aec7c00002070a000002
	// 3039001600000000000000005002ffffb38a0000
}

// An error names the layer and the field at fault.
func ExampleBuild_error() {
	_, err := testpkt.Build(
		testpkt.Ethernet{},
		testpkt.IPv4{Src: netip.MustParseAddr("2001:db8::1")},
		testpkt.UDP{},
	)
	fmt.Println(err)

	var layerErr *testpkt.LayerError
	if errors.As(err, &layerErr) {
		fmt.Println(layerErr.Index, layerErr.Layer, layerErr.Field)
	}
	// Output:
	// layer 1 (IPv4): Src: 2001:db8::1 is not an IPv4 address
	// 1 IPv4 Src
}

// A field that is set is taken as it is, also when it is wrong.
func ExampleBuild_wrong() {
	pkt := testpkt.MustBuild(
		testpkt.IPv4{TotalLength: 9999, Checksum: 0xbad},
		testpkt.UDP{},
	)
	fmt.Printf("%x\n", pkt[:20])
	// Output:
	// 4500270f0000000040110bad0a0000010a000002
}

// With the []Layer made once and a pointer to what changes, AppendTo allocates
// nothing.
func ExampleAppendTo() {
	udp := testpkt.UDP{}
	layers := []testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv6{}, &udp, testpkt.Payload("ping")}
	buf := make([]byte, 0, 2048)
	for udp.DstPort = 53; udp.DstPort < 56; udp.DstPort++ {
		var err error
		if buf, err = testpkt.AppendTo(buf[:0], layers...); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%x\n", buf[54:])
	}
	// Output:
	// 30390035000cf69270696e67
	// 30390036000cf69170696e67
	// 30390037000cf69070696e67
}

// Two tags in a row are QinQ.
func ExampleVLAN() {
	pkt := testpkt.MustBuild(
		testpkt.Ethernet{},
		testpkt.VLAN{ID: 100},
		testpkt.VLAN{ID: 7, Priority: 5},
		testpkt.IPv4{},
	)
	fmt.Printf("%x\n", pkt[12:22])
	// Output:
	// 88a800648100a0070800
}

// UDP without a checksum is a zero that isn't computed: the layer is Exact, and
// its other fields are given too.
func ExampleUDP_exact() {
	pkt := testpkt.MustBuild(
		testpkt.IPv4{},
		testpkt.UDP{SrcPort: 1000, DstPort: 2000, Length: 8, Exact: true},
	)
	fmt.Printf("%x\n", pkt[20:])
	// Output:
	// 03e807d000080000
}

// label is an MPLS label, a layer that testpkt doesn't have.
type label uint32

func (l label) Append(b []byte, p testpkt.Place) ([]byte, error) {
	if l > 0xfffff {
		return b, p.Errorf("", "%d exceeds 20 bits", uint32(l))
	}
	const ttl = 64
	bottom := byte(1)
	if _, ok := p.Next().(label); ok {
		bottom = 0
	}
	return p.AppendNext(append(b, byte(l>>12), byte(l>>4), byte(l<<4)|bottom, ttl))
}

func (l label) Number(s testpkt.Space) (uint16, bool) { return 0x8847, s == testpkt.SpaceEtherType }

func ExampleLayer() {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, label(16), label(17), testpkt.IPv4{})
	fmt.Printf("%x\n", pkt[12:22])
	// Output:
	// 88470001004000011140
}

// A checksum over data that holds a right checksum is zero.
func ExampleChecksum() {
	pkt := testpkt.MustBuild(testpkt.IPv4{}, testpkt.UDP{})
	fmt.Println(testpkt.Checksum(pkt[:20]))

	pkt[8]-- // a router forgets to mend the checksum
	fmt.Printf("%#04x\n", testpkt.Checksum(pkt[:20]))
	// Output:
	// 0
	// 0x0100
}

// A checksum over pieces: the pseudo header, then the segment.
func ExampleSum() {
	src, dst := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	segment := testpkt.MustBuild(testpkt.IPv4{}, testpkt.TCP{})[20:]
	sum := testpkt.PseudoSum(src, dst, testpkt.ProtocolTCP, len(segment))
	fmt.Println(^testpkt.Sum(sum, segment))
	// Output:
	// 0
}

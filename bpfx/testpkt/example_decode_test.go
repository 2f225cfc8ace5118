package testpkt_test

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/bpfx/go/bpfx/testpkt"
)

func ExampleDecode() {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{TTL: 9}, testpkt.UDP{}, testpkt.Payload("hello"))
	layers, err := testpkt.Decode(pkt)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range layers {
		switch l := l.(type) {
		case testpkt.IPv4:
			fmt.Println(l.Src, l.Dst, l.TTL)
		case testpkt.Payload:
			fmt.Printf("%s\n", l)
		}
	}
	// Output:
	// 10.0.0.1 10.0.0.2 9
	// hello
}

// What is cut off is a Payload, and the error says where it begins.
func ExampleDecode_cutOff() {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{PayloadLength: 12}, testpkt.TCP{})
	layers, err := testpkt.Decode(pkt[:66])
	for _, l := range layers {
		fmt.Printf("%T\n", l)
	}
	var decodeErr *testpkt.DecodeError
	if errors.As(err, &decodeErr) {
		fmt.Println(decodeErr.Layer, decodeErr.Offset, decodeErr.Err)
	}
	// Output:
	// testpkt.Ethernet
	// testpkt.IPv6
	// testpkt.Payload
	// TCP 54 header of 20 bytes is cut off
}

// A program that pushes a tag changes one field and adds one layer.
func ExampleDiff() {
	want := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{})
	got := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.VLAN{ID: 100}, testpkt.IPv4{TTL: 63}, testpkt.TCP{})
	fmt.Print(testpkt.Diff(want, got, testpkt.IgnoreChecksums()))
	// Output:
	// Ethernet.EtherType: want 0x0800, got 0x8100
	// VLAN: want none, got {ID 100, EtherType 0x0800}
	// IPv4.TTL: want 64, got 63
}

// Only the fields that a test is about.
func ExampleMatch() {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{TTL: 63}, testpkt.TCP{DstPort: 22, Flags: testpkt.SYN | testpkt.ACK})
	fmt.Println(testpkt.Match(pkt, testpkt.IPv4{TTL: 63}, testpkt.TCP{DstPort: 22}))
	fmt.Println(testpkt.Match(pkt, testpkt.IPv4{TTL: 64}, testpkt.TCP{Flags: testpkt.SYN}))
	fmt.Println(testpkt.Match(pkt, testpkt.UDP{}))
	// Output:
	// <nil>
	// IPv4.TTL: want 64, got 63
	// TCP.Flags: want SYN, got SYN|ACK
	// UDP: not in Ethernet/IPv4/TCP
}

// A field that is to be zero is named.
func ExampleZero() {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{ID: 7}, testpkt.UDP{})
	fmt.Println(testpkt.Match(pkt, testpkt.Zero(testpkt.IPv4{TTL: 64}, "ID")))
	// Output:
	// IPv4.ID: want 0, got 7
}

// Filled shows what Build makes of zero fields.
func ExampleFilled() {
	layers, err := testpkt.Filled(testpkt.IPv4{}, testpkt.UDP{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%+v\n", layers[1])
	// Output:
	// {SrcPort:12345 DstPort:80 Length:8 Checksum:47954 Exact:true}
}

// decodeLabel decodes the layer of the example of Layer.
func decodeLabel(data []byte) (testpkt.Head, error) {
	if len(data) < 4 {
		return testpkt.Head{Layer: label(0)}, errors.New("cut off")
	}
	h := testpkt.Head{
		Layer: label(uint32(data[0])<<12 | uint32(data[1])<<4 | uint32(data[2])>>4), Len: 4,
		Space: testpkt.SpaceEtherType, Number: 0x8847, // another label
	}
	if bottom := data[2]&1 == 1; bottom {
		h.Number = testpkt.EtherTypeIPv4
	}
	return h, nil
}

// Layers of other packages are registered with their number. This Decoder's
// layers are valid until it decodes the next packet.
func ExampleDecoder_Register() {
	var d testpkt.Decoder
	d.Register(testpkt.SpaceEtherType, 0x8847, decodeLabel)
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, label(16), label(17), testpkt.IPv4{}, testpkt.UDP{})
	layers, err := d.Decode(pkt)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, l := range layers {
		fmt.Printf("%d %T\n", d.Offsets()[i], l)
	}
	// Output:
	// 0 *testpkt.Ethernet
	// 14 testpkt_test.label
	// 18 testpkt_test.label
	// 22 *testpkt.IPv4
	// 42 *testpkt.UDP
}

// A program replaced the destination and forgot a checksum.
func ExampleVerifyChecksums() {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{})
	fmt.Println(testpkt.VerifyChecksums(pkt))

	layers, err := testpkt.Decode(pkt)
	if err != nil {
		fmt.Println(err)
		return
	}
	ip := layers[1].(testpkt.IPv4)
	ip.Dst, ip.Checksum = netip.MustParseAddr("192.0.2.1"), 0xaecf
	layers[1] = ip
	fmt.Println(testpkt.VerifyChecksums(testpkt.MustBuild(layers...)))
	// Output:
	// <nil>
	// UDP.Checksum: 0xbb52, want 0x0353
}

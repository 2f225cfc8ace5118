package testpkt_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
)

// buildTest is a packet.
type buildTest struct {
	name   string
	layers []testpkt.Layer
	want   []byte
}

// The expected bytes were computed by a Python script with a naive checksum.
var buildTests = []buildTest{
	{
		name:   "defaults",
		layers: []testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{}, testpkt.Payload("hi!")},
		want: []byte{
			0, 0, 0, 0, 0, 2, // destination
			0, 0, 0, 0, 0, 1, // source
			0x08, 0x00, // EtherType IPv4
			0x45,       // version, IHL
			0x00,       // TOS
			0x00, 0x2b, // total length 43
			0x00, 0x00, // identification
			0x00, 0x00, // flags, fragment offset
			64,         // TTL
			6,          // protocol TCP
			0x66, 0xcb, // checksum
			10, 0, 0, 1, // source
			10, 0, 0, 2, // destination
			0x30, 0x39, // source port 12345
			0x00, 0x50, // destination port 80
			0, 0, 0, 0, // sequence number
			0, 0, 0, 0, // acknowledgement number
			0x50, 0x00, // data offset 5, flags
			0xff, 0xff, // window
			0xe1, 0xec, // checksum
			0x00, 0x00, // urgent pointer
			'h', 'i', '!',
		},
	},
	{
		name: "every field set",
		layers: []testpkt.Layer{
			testpkt.Ethernet{
				Dst: testpkt.MustParseMAC("02:00:5e:10:00:01"),
				Src: testpkt.MAC{0x02, 0, 0x5e, 0x10, 0, 0xff},
			},
			testpkt.IPv4{
				TOS: 0xb8, ID: 0x1234, Flags: testpkt.DontFragment, TTL: 3,
				Src:     netip.MustParseAddr("192.0.2.7"),
				Dst:     netip.MustParseAddr("198.51.100.9"),
				Options: []byte{0x94, 4, 0, 0},
			},
			testpkt.TCP{
				SrcPort: 1, DstPort: 22, Seq: 0x01020304, Ack: 0x05060708,
				Flags: testpkt.SYN | testpkt.ACK, Window: 0x1000, Urgent: 9,
				Options: []byte{2, 4, 5, 0xb4, 4, 2},
			},
		},
		want: []byte{
			0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, // destination
			0x02, 0x00, 0x5e, 0x10, 0x00, 0xff, // source
			0x08, 0x00, // EtherType IPv4
			0x46,       // version, IHL 6
			0xb8,       // TOS
			0x00, 0x34, // total length 52
			0x12, 0x34, // identification
			0x40, 0x00, // DF
			3,          // TTL
			6,          // protocol TCP
			0xe3, 0x8f, // checksum
			192, 0, 2, 7, // source
			198, 51, 100, 9, // destination
			0x94, 4, 0, 0, // router alert
			0x00, 0x01, // source port
			0x00, 0x16, // destination port
			0x01, 0x02, 0x03, 0x04, // sequence number
			0x05, 0x06, 0x07, 0x08, // acknowledgement number
			0x70, 0x12, // data offset 7, SYN ACK
			0x10, 0x00, // window
			0x77, 0x98, // checksum
			0x00, 0x09, // urgent pointer
			2, 4, 0x05, 0xb4, // maximum segment size 1460
			4, 2, // SACK permitted
			0, 0, // padding
		},
	},
	{
		name: "QinQ, IPv6, odd payload",
		layers: []testpkt.Layer{
			testpkt.Ethernet{},
			testpkt.VLAN{ID: 0xabc},
			testpkt.VLAN{Priority: 5, DropEligible: true, ID: 7},
			testpkt.IPv6{TrafficClass: 0x12, FlowLabel: 0x34567},
			testpkt.UDP{},
			testpkt.Payload("odd"),
		},
		want: []byte{
			0, 0, 0, 0, 0, 2, // destination
			0, 0, 0, 0, 0, 1, // source
			0x88, 0xa8, // EtherType of a service tag
			0x0a, 0xbc, // VLAN 0xabc
			0x81, 0x00, // EtherType of a customer tag
			0xb0, 0x07, // priority 5, drop eligible, VLAN 7
			0x86, 0xdd, // EtherType IPv6
			0x61, 0x23, 0x45, 0x67, // version, traffic class, flow label
			0x00, 0x0b, // payload length 11
			17,                                                // next header UDP
			64,                                                // hop limit
			0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // source
			0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // destination
			0x30, 0x39, // source port
			0x00, 0x50, // destination port
			0x00, 0x0b, // length
			0x01, 0xe6, // checksum
			'o', 'd', 'd',
		},
	},
	{
		name: "IPv4 in IPv4",
		layers: []testpkt.Layer{
			testpkt.IPv4{},
			testpkt.IPv4{Src: netip.MustParseAddr("172.16.0.1"), Dst: netip.MustParseAddr("172.16.0.2")},
			testpkt.UDP{},
		},
		want: []byte{
			0x45, 0, 0, 48, // version, IHL, TOS, total length
			0, 0, 0, 0, // identification, fragment
			64, 4, 0x66, 0xc8, // TTL, protocol IPv4, checksum
			10, 0, 0, 1, // source
			10, 0, 0, 2, // destination
			0x45, 0, 0, 28, // version, IHL, TOS, total length
			0, 0, 0, 0, // identification, fragment
			64, 17, 0x22, 0xae, // TTL, protocol UDP, checksum
			172, 16, 0, 1, // source
			172, 16, 0, 2, // destination
			0x30, 0x39, 0x00, 0x50, // ports
			0, 8, // length
			0x77, 0x31, // checksum, over the inner addresses
		},
	},
	{
		name:   "UDP checksum of zero",
		layers: []testpkt.Layer{testpkt.IPv4{}, testpkt.UDP{}, testpkt.Payload("\xbb\x4e")},
		want: []byte{
			0x45, 0, 0, 30, // version, IHL, TOS, total length
			0, 0, 0, 0, // identification, fragment
			64, 17, 0x66, 0xcd, // TTL, protocol UDP, checksum
			10, 0, 0, 1, // source
			10, 0, 0, 2, // destination
			0x30, 0x39, 0x00, 0x50, // ports
			0, 10, // length
			0xff, 0xff, // checksum 0 is sent as 0xffff
			0xbb, 0x4e,
		},
	},
	{
		name: "wrong on purpose",
		layers: []testpkt.Layer{
			testpkt.Ethernet{EtherType: testpkt.EtherTypeIPv6},
			testpkt.IPv4{Version: 5, TotalLength: 9},
			testpkt.UDP{Length: 7, Checksum: 0xbad1},
		},
		want: []byte{
			0, 0, 0, 0, 0, 2, // destination
			0, 0, 0, 0, 0, 1, // source
			0x86, 0xdd, // EtherType IPv6, but IPv4 follows
			0x55,       // version 5
			0x00,       // TOS
			0x00, 0x09, // total length, too short
			0, 0, 0, 0, // identification, fragment
			64, 17, // TTL, protocol UDP
			0x56, 0xe2, // checksum, right for this header
			10, 0, 0, 1, // source
			10, 0, 0, 2, // destination
			0x30, 0x39, 0x00, 0x50, // ports
			0, 7, // length, too short
			0xba, 0xd1, // checksum, wrong
		},
	},
	{
		name: "exact",
		layers: []testpkt.Layer{
			testpkt.Ethernet{Exact: true},
			testpkt.VLAN{Exact: true},
			testpkt.IPv4{IHL: 15, Options: []byte{1}, Exact: true},
			testpkt.TCP{Options: []byte{2}, Exact: true},
		},
		want: slices.Concat(
			make([]byte, 12+2),             // addresses, EtherType
			make([]byte, 4),                // VLAN tag
			[]byte{0x0f}, make([]byte, 19), // IPv4 header
			[]byte{1}, make([]byte, 20), []byte{2}, // option, TCP header, option
		),
	},
	{
		name:   "exact IPv6 and UDP",
		layers: []testpkt.Layer{testpkt.IPv6{Exact: true}, testpkt.UDP{Exact: true}, testpkt.Payload("x")},
		want:   slices.Concat(make([]byte, 40), make([]byte, 8), []byte("x")),
	},
	{
		name: "fragment",
		layers: []testpkt.Layer{
			testpkt.IPv4{ID: 7, Flags: testpkt.MoreFragments, FragmentOffset: 185, Protocol: testpkt.ProtocolUDP},
			testpkt.Payload("frag"),
		},
		want: []byte{
			0x45, 0, 0, 24, // version, IHL, TOS, total length
			0, 7, // identification
			0x20, 0xb9, // MF, offset 1480 bytes
			64, 17, 0x46, 0x13, // TTL, protocol UDP, checksum
			10, 0, 0, 1, // source
			10, 0, 0, 2, // destination
			'f', 'r', 'a', 'g',
		},
	},
	{
		name:   "payload on IPv4, options padded",
		layers: []testpkt.Layer{testpkt.IPv4{Options: []byte{1, 1, 1}}},
		want: []byte{
			0x46, 0, 0, 24, // version, IHL, TOS, total length
			0, 0, 0, 0, // identification, fragment
			64, 253, 0x62, 0xe6, // TTL, protocol for experiments, checksum
			10, 0, 0, 1, // source
			10, 0, 0, 2, // destination
			1, 1, 1, 0, // no operation, padding
		},
	},
	{
		name:   "IPv6 alone",
		layers: []testpkt.Layer{testpkt.IPv6{Src: netip.MustParseAddr("::ffff:1.2.3.4")}},
		want: []byte{
			0x60, 0, 0, 0, // version, traffic class, flow label
			0, 0, 59, 64, // payload length, no next header, hop limit
			0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4, // source
			0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // destination
		},
	},
	{
		name:   "payload on Ethernet",
		layers: []testpkt.Layer{testpkt.Ethernet{}, testpkt.Payload("raw"), testpkt.Payload("data")},
		want: []byte{
			0, 0, 0, 0, 0, 2, // destination
			0, 0, 0, 0, 0, 1, // source
			0x88, 0xb5, // EtherType for experiments
			'r', 'a', 'w', 'd', 'a', 't', 'a',
		},
	},
}

// diff describes the first byte in which got isn't want, "" if they are equal.
func diff(want, got []byte) string {
	if bytes.Equal(want, got) {
		return ""
	}
	i := 0
	for i < min(len(want), len(got)) && want[i] == got[i] {
		i++
	}
	return fmt.Sprintf("at byte %d\nwant %x\ngot  %x", i, want, got)
}

func TestBuild(t *testing.T) {
	for _, tt := range allBuildTests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := testpkt.Build(tt.layers...)
			if err != nil {
				t.Fatalf("Build() = %v", err)
			}
			if d := diff(tt.want, got); d != "" {
				t.Errorf("Build() differs %s", d)
			}
		})
	}
}

// TestAppendTo appends to a buffer whose spare capacity is full of ones, with
// room for all, for none and for a part of the packet.
func TestAppendTo(t *testing.T) {
	for _, tt := range allBuildTests {
		for _, spare := range []int{len(tt.want), 0, len(tt.want) / 2} {
			t.Run(tt.name, func(t *testing.T) {
				buf := bytes.Repeat([]byte{0xff}, 3+spare)[:3]
				got, err := testpkt.AppendTo(buf, tt.layers...)
				if err != nil {
					t.Fatalf("AppendTo() = %v", err)
				}
				want := append([]byte{0xff, 0xff, 0xff}, tt.want...)
				if d := diff(want, got); d != "" {
					t.Errorf("AppendTo() with room for %d bytes differs %s", spare, d)
				}
			})
		}
	}
}

// TestPointers builds the packets of TestBuild from pointers to layers, which
// must come out the same and unchanged.
func TestPointers(t *testing.T) {
	for _, tt := range allBuildTests {
		t.Run(tt.name, func(t *testing.T) {
			ptrs := make([]testpkt.Layer, len(tt.layers))
			for i, l := range tt.layers {
				ptrs[i] = pointerTo(l)
			}
			got, err := testpkt.Build(ptrs...)
			if err != nil {
				t.Fatalf("Build() = %v", err)
			}
			if d := diff(tt.want, got); d != "" {
				t.Errorf("Build() differs %s", d)
			}
			for i, l := range tt.layers {
				if want := pointerTo(l); !reflect.DeepEqual(ptrs[i], want) {
					t.Errorf("Build() changed layer %d to %+v, want %+v", i, ptrs[i], want)
				}
			}
		})
	}
}

// pointerTo returns a pointer to a copy of l, l itself if it is one already.
func pointerTo(l testpkt.Layer) testpkt.Layer {
	if reflect.TypeOf(l).Kind() == reflect.Pointer {
		return l
	}
	ptr := reflect.New(reflect.TypeOf(l))
	ptr.Elem().Set(reflect.ValueOf(l))
	return ptr.Interface().(testpkt.Layer)
}

func TestAppendToAllocs(t *testing.T) {
	ip := testpkt.IPv4{}
	layers := []testpkt.Layer{testpkt.Ethernet{}, &ip, testpkt.TCP{}, testpkt.Payload("payload")}
	buf := testpkt.MustBuild(layers...)
	allocs := testing.AllocsPerRun(100, func() {
		ip.ID++
		var err error
		if buf, err = testpkt.AppendTo(buf[:0], layers...); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("AppendTo() makes %v allocations, want 0", allocs)
	}
}

func TestMustBuildPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("MustBuild() of no layers returned, want a panic")
		}
	}()
	testpkt.MustBuild()
}

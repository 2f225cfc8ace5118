package packets

import (
	"encoding/binary"
	"fmt"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/bpfx/go/bpfx/testpkt"
)

var sizes = []int{0, 64, 1400, 9000}

// BenchmarkAppendTo builds Ethernet, IPv4, TCP and a payload, one field of
// which changes every time, in a buffer that is reused.
func BenchmarkAppendTo(b *testing.B) {
	for _, n := range sizes {
		payload := make([]byte, n)
		b.Run(fmt.Sprintf("tcp4-%d/bpfx", n), func(b *testing.B) { benchBpfx(b, payload) })
		b.Run(fmt.Sprintf("tcp4-%d/gopacket", n), func(b *testing.B) { benchGopacket(b, payload, false) })
		b.Run(fmt.Sprintf("tcp4-%d/gopacket-fresh", n), func(b *testing.B) { benchGopacket(b, payload, true) })
		b.Run(fmt.Sprintf("tcp4-%d/gvisor", n), func(b *testing.B) { benchGvisor(b, payload) })
		b.Run(fmt.Sprintf("tcp4-%d/byhand", n), func(b *testing.B) { benchByHand(b, payload) })
	}
	b.Run("vlan-tcp6-64/bpfx", benchBpfx6)
	b.Run("vlan-tcp6-64/gopacket", benchGopacket6)
}

func benchBpfx(b *testing.B, payload []byte) {
	ip := testpkt.IPv4{}
	stack := []testpkt.Layer{&testpkt.Ethernet{}, &ip, &testpkt.TCP{}, testpkt.Payload(payload)}
	buf := make([]byte, 0, 54+len(payload))
	b.ReportAllocs()
	for b.Loop() {
		ip.ID++
		var err error
		if buf, err = testpkt.AppendTo(buf[:0], stack...); err != nil {
			b.Fatal(err)
		}
	}
}

var (
	mac1 = net.HardwareAddr{0, 0, 0, 0, 0, 1}
	mac2 = net.HardwareAddr{0, 0, 0, 0, 0, 2}
	opts = gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
)

// benchGopacket is the same with gopacket, with new layers and a new buffer
// every time if fresh.
func benchGopacket(b *testing.B, payload []byte, fresh bool) {
	var eth layers.Ethernet
	var ip layers.IPv4
	var tcp layers.TCP
	var stack []gopacket.SerializableLayer
	setup := func() {
		eth = layers.Ethernet{SrcMAC: mac1, DstMAC: mac2, EthernetType: layers.EthernetTypeIPv4}
		ip = layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: net.IPv4(10, 0, 0, 1), DstIP: net.IPv4(10, 0, 0, 2)}
		tcp = layers.TCP{SrcPort: 12345, DstPort: 80, Window: 65535}
		if err := tcp.SetNetworkLayerForChecksum(&ip); err != nil {
			b.Fatal(err)
		}
		stack = []gopacket.SerializableLayer{&eth, &ip, &tcp, gopacket.Payload(payload)}
	}
	setup()
	buf := gopacket.NewSerializeBuffer()
	b.ReportAllocs()
	for b.Loop() {
		if fresh {
			setup()
			buf = gopacket.NewSerializeBuffer()
		}
		ip.Id++
		if err := gopacket.SerializeLayers(buf, opts, stack...); err != nil {
			b.Fatal(err)
		}
	}
}

// benchGvisor is the same with the headers of gVisor's network stack, as its
// tests use them.
func benchGvisor(b *testing.B, payload []byte) {
	const tcpAt = header.EthernetMinimumSize + header.IPv4MinimumSize
	src, dst := tcpip.AddrFrom4([4]byte{10, 0, 0, 1}), tcpip.AddrFrom4([4]byte{10, 0, 0, 2})
	eth := header.EthernetFields{SrcAddr: "\x00\x00\x00\x00\x00\x01", DstAddr: "\x00\x00\x00\x00\x00\x02", Type: header.IPv4ProtocolNumber}
	ip := header.IPv4Fields{TotalLength: uint16(header.IPv4MinimumSize + header.TCPMinimumSize + len(payload)), TTL: 64, Protocol: 6, SrcAddr: src, DstAddr: dst}
	tcp := header.TCPFields{SrcPort: 12345, DstPort: 80, DataOffset: header.TCPMinimumSize, WindowSize: 65535}
	buf := make([]byte, tcpAt+header.TCPMinimumSize+len(payload))
	b.ReportAllocs()
	for b.Loop() {
		ip.ID++
		header.Ethernet(buf).Encode(&eth)
		h := header.IPv4(buf[header.EthernetMinimumSize:])
		h.Encode(&ip)
		h.SetChecksum(^h.CalculateChecksum())
		t := header.TCP(buf[tcpAt:])
		t.Encode(&tcp)
		copy(buf[tcpAt+header.TCPMinimumSize:], payload)
		sum := header.PseudoHeaderChecksum(header.TCPProtocolNumber, src, dst, uint16(header.TCPMinimumSize+len(payload)))
		t.SetChecksum(^t.CalculateChecksum(checksum.Checksum(payload, sum)))
	}
}

// benchByHand builds the packet as a test would that needs this one kind only.
func benchByHand(b *testing.B, payload []byte) {
	buf := make([]byte, 0, 54+len(payload))
	var id uint16
	for b.Loop() {
		id++
		total := 40 + len(payload)
		buf = append(buf[:0],
			0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0x08, 0x00,
			0x45, 0, byte(total>>8), byte(total), byte(id>>8), byte(id), 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
			0x30, 0x39, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0xff, 0xff, 0, 0, 0, 0,
		)
		buf = append(buf, payload...)
		binary.BigEndian.PutUint16(buf[24:], testpkt.Checksum(buf[14:34]))
		sum := testpkt.Sum(uint16(6+20+len(payload)), buf[26:34])
		binary.BigEndian.PutUint16(buf[50:], ^testpkt.Sum(sum, buf[34:]))
	}
}

func benchBpfx6(b *testing.B) {
	ip := testpkt.IPv6{}
	stack := []testpkt.Layer{&testpkt.Ethernet{}, &testpkt.VLAN{ID: 7}, &ip, &testpkt.TCP{}, testpkt.Payload(make([]byte, 64))}
	buf := testpkt.MustBuild(stack...)
	b.ReportAllocs()
	for b.Loop() {
		ip.FlowLabel = (ip.FlowLabel + 1) & 0xfffff
		var err error
		if buf, err = testpkt.AppendTo(buf[:0], stack...); err != nil {
			b.Fatal(err)
		}
	}
}

func benchGopacket6(b *testing.B) {
	eth := layers.Ethernet{SrcMAC: mac1, DstMAC: mac2, EthernetType: layers.EthernetTypeDot1Q}
	tag := layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeIPv6}
	ip := layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: net.ParseIP("fd00::1"), DstIP: net.ParseIP("fd00::2")}
	tcp := layers.TCP{SrcPort: 12345, DstPort: 80, Window: 65535}
	if err := tcp.SetNetworkLayerForChecksum(&ip); err != nil {
		b.Fatal(err)
	}
	stack := []gopacket.SerializableLayer{&eth, &tag, &ip, &tcp, gopacket.Payload(make([]byte, 64))}
	buf := gopacket.NewSerializeBuffer()
	b.ReportAllocs()
	for b.Loop() {
		ip.FlowLabel = (ip.FlowLabel + 1) & 0xfffff
		if err := gopacket.SerializeLayers(buf, opts, stack...); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChecksum(b *testing.B) {
	for _, n := range []int{1400, 9000, 65535} {
		data := make([]byte, n)
		b.Run(fmt.Sprintf("%d/bpfx", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				testpkt.Sum(0, data)
			}
		})
		b.Run(fmt.Sprintf("%d/gvisor", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				checksum.Checksum(data, 0)
			}
		})
	}
}

package testpkt_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
)

func BenchmarkAppendTo(b *testing.B) {
	for _, n := range []int{0, 64, 1400, 9000} {
		b.Run(fmt.Sprintf("ipv4-tcp/%d", n), func(b *testing.B) {
			benchAppendTo(b, testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{}, testpkt.Payload(make([]byte, n)))
		})
		b.Run(fmt.Sprintf("ipv4-tcp-by-hand/%d", n), func(b *testing.B) {
			payload := make([]byte, n)
			buf := make([]byte, 0, 54+n)
			b.ReportAllocs()
			for b.Loop() {
				buf = appendByHand(buf[:0], payload)
			}
		})
	}
	b.Run("vlan-ipv6-tcp/64", func(b *testing.B) {
		benchAppendTo(b, testpkt.Ethernet{}, testpkt.VLAN{ID: 7}, testpkt.IPv6{}, testpkt.TCP{}, testpkt.Payload(make([]byte, 64)))
	})
	b.Run("ipv4-udp/64", func(b *testing.B) {
		benchAppendTo(b, testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}, testpkt.Payload(make([]byte, 64)))
	})
}

func benchAppendTo(b *testing.B, layers ...testpkt.Layer) {
	buf := testpkt.MustBuild(layers...)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = testpkt.AppendTo(buf[:0], layers...); err != nil {
			b.Fatal(err)
		}
	}
}

// appendByHand appends the packet of the benchmark next to it as a test would
// that needs this one kind only. It is the floor for AppendTo.
func appendByHand(b, payload []byte) []byte {
	total := 40 + len(payload)
	b = append(b,
		0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0x08, 0x00,
		0x45, 0, byte(total>>8), byte(total), 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0x30, 0x39, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0xff, 0xff, 0, 0, 0, 0,
	)
	b = append(b, payload...)
	binary.BigEndian.PutUint16(b[24:], testpkt.Checksum(b[14:34]))
	sum := testpkt.Sum(uint16(6+20+len(payload)), b[26:34])
	binary.BigEndian.PutUint16(b[50:], ^testpkt.Sum(sum, b[34:]))
	return b
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{0, 64, 1400, 9000} {
		b.Run(fmt.Sprintf("ipv4-tcp/%d", n), func(b *testing.B) {
			payload := make(testpkt.Payload, n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := testpkt.Build(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{}, payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkChecksum(b *testing.B) {
	for _, n := range []int{20, 84, 1400, 9000, 65535} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			data := make([]byte, n)
			b.SetBytes(int64(n))
			for b.Loop() {
				testpkt.Checksum(data)
			}
		})
	}
}

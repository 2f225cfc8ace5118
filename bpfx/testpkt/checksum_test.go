package testpkt_test

import (
	"net/netip"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
)

// naiveSum is the loop of RFC 1071 section 4.1.
func naiveSum(sum uint16, b []byte) uint16 {
	s := uint64(sum)
	for ; len(b) > 1; b = b[2:] {
		s += uint64(b[0])<<8 | uint64(b[1])
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func TestChecksum(t *testing.T) {
	tests := []struct {
		name string
		b    []byte
		want uint16
	}{
		{"nothing", nil, 0xffff},
		{"zeros", make([]byte, 9), 0xffff},
		{"one byte", []byte{1}, 0xfeff},
		{"RFC 1071 section 3", []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}, ^uint16(0xddf2)},
		{"sum is a multiple of 0xffff", []byte{0xff, 0xff, 0xff, 0xff}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := testpkt.Checksum(tt.b); got != tt.want {
				t.Errorf("Checksum(%x) = %#04x, want %#04x", tt.b, got, tt.want)
			}
		})
	}
}

// TestSumLengths sums every length around the sizes of the blocks, at every
// alignment, of ones (all carries), of zeros and of random bytes.
func TestSumLengths(t *testing.T) {
	rnd := newRand(t)
	random, ones := make([]byte, 600), make([]byte, 600)
	for i := range random {
		random[i], ones[i] = byte(rnd.Uint32()), 0xff
	}
	for _, data := range [][]byte{random, ones, make([]byte, 600)} {
		for n := range 560 {
			for _, sum := range []uint16{0, 1, 0xffff, uint16(rnd.Uint32())} {
				b := data[n%17:][:n]
				if got, want := testpkt.Sum(sum, b), naiveSum(sum, b); got != want {
					t.Fatalf("Sum(%#x, %d bytes at %d) = %#04x, want %#04x", sum, n, n%17, got, want)
				}
			}
		}
	}
}

func TestPseudoSum(t *testing.T) {
	tests := []struct {
		name     string
		src, dst string
		header   []byte
	}{
		{
			"IPv4", "10.0.0.1", "10.0.0.2",
			[]byte{10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0x12, 0x34},
		},
		{
			"IPv6", "2001:db8::1", "fe80::2",
			[]byte{
				0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
				0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
				0, 0, 0x12, 0x34, 0, 0, 0, 17,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src, dst := netip.MustParseAddr(tt.src), netip.MustParseAddr(tt.dst)
			want := naiveSum(0, tt.header)
			if got := testpkt.PseudoSum(src, dst, 17, 0x1234); got != want {
				t.Errorf("PseudoSum() = %#04x, want %#04x", got, want)
			}
		})
	}
}

func FuzzSum(f *testing.F) {
	f.Add(uint16(0), []byte(nil), 0)
	f.Add(uint16(0xffff), []byte("\xff\xff\x00\x01 an odd number of bytes"), 4)
	f.Fuzz(func(t *testing.T, sum uint16, b []byte, cut int) {
		want := naiveSum(sum, b)
		if got := testpkt.Sum(sum, b); got != want {
			t.Errorf("Sum(%#x, %x) = %#04x, want %#04x", sum, b, got, want)
		}
		if cut < 0 || cut > len(b) || cut%2 != 0 {
			return
		}
		if got := testpkt.Sum(testpkt.Sum(sum, b[:cut]), b[cut:]); got != want {
			t.Errorf("Sum(%#x, %x) cut at %d = %#04x, want %#04x", sum, b, cut, got, want)
		}
	})
}

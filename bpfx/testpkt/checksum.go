package testpkt

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Checksum returns the Internet checksum (RFC 1071) of b, to be stored in
// network byte order. The last byte of an odd number is padded with zero. Over
// data that includes a right checksum, the result is 0.
func Checksum(b []byte) uint16 { return ^Sum(0, b) }

// Sum adds the 16-bit words of b, in network byte order, to the ones'
// complement sum and returns the new one; its complement is the checksum. Data
// in pieces is summed by passing the result on; all pieces but the last must be
// of even length.
func Sum(sum uint16, b []byte) uint16 {
	// The sum is the same in any byte order (RFC 1071 section 2 (B)), and
	// little endian is the native one nearly everywhere.
	return bits.ReverseBytes16(fold(sumLE(uint64(bits.ReverseBytes16(sum)), b)))
}

// checksumAfter returns the checksum of b and of words in network byte order
// whose sum is known.
func checksumAfter(sum uint64, b []byte) uint16 {
	return ^bits.ReverseBytes16(fold(sumLE(bits.ReverseBytes64(sum), b)))
}

// sumLE adds the 64-bit words of b, in little endian, to the ones' complement
// sum s. Folded it is the sum of the 16-bit words.
func sumLE(s uint64, b []byte) uint64 {
	// Blocks are summed with carry, in two chains that don't wait for each other,
	// and each block's carry is folded. That makes none: only of a sum of ones and
	// a carry in come a sum of ones and a carry out, and a block begins without a
	// carry in. A block of more than 64 bytes has not enough registers.
	var s2, c uint64
	for i := 0; i <= len(b)-64; i += 64 {
		w := b[i : i+64 : i+64]
		s, c = add32(s, 0, w[0:32])
		s, c = add32(s, c, w[32:64])
		s, _ = bits.Add64(s, 0, c)
		s, s2 = s2, s
	}
	b = b[len(b)&^63:]
	if len(b) >= 32 {
		s, c = add32(s, 0, b[:32])
		s, _ = bits.Add64(s, 0, c)
		b = b[32:]
	}
	s, c = bits.Add64(s, s2, 0)
	s += c
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s += c
		b = b[8:]
	}
	if len(b) > 0 {
		s = sumTail(s, b)
	}
	return s
}

// PseudoSum returns the ones' complement sum of the pseudo header of n bytes
// of protocol between two addresses of one family, from where [Sum] can go on.
func PseudoSum(src, dst netip.Addr, protocol uint8, n int) uint16 {
	// The prefix of an IPv4 address as 16 bytes is 0xffff, zero in this sum.
	s, d := src.As16(), dst.As16()
	sum := uint64(Sum(Sum(0, s[:]), d[:]))
	return fold(sum + uint64(protocol) + uint64(n))
}

// fold adds the four words of sum to one, with their carries: a number added to
// itself with its halves swapped has the sum of the halves, and the carry of
// that sum, in its upper half.
func fold(sum uint64) uint16 {
	s := uint32((sum + bits.RotateLeft64(sum, 32)) >> 32)
	return uint16((s + bits.RotateLeft32(s, 16)) >> 16)
}

// add32 adds 32 bytes and the carry c to sum and returns it with the new carry.
func add32(sum, c uint64, b []byte) (uint64, uint64) {
	_ = b[31]
	sum, c = bits.Add64(sum, binary.LittleEndian.Uint64(b[0:]), c)
	sum, c = bits.Add64(sum, binary.LittleEndian.Uint64(b[8:]), c)
	sum, c = bits.Add64(sum, binary.LittleEndian.Uint64(b[16:]), c)
	return bits.Add64(sum, binary.LittleEndian.Uint64(b[24:]), c)
}

// sumTail adds the last bytes, fewer than 8.
func sumTail(sum uint64, b []byte) uint64 {
	var last uint64
	if len(b) >= 4 {
		last = uint64(binary.LittleEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		last += uint64(binary.LittleEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		last += uint64(b[0])
	}
	sum, c := bits.Add64(sum, last, 0)
	return sum + c
}

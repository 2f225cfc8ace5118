package testpkt

import "encoding/binary"

// maxOptions is the room for options in a header of IPv4 or TCP, in bytes.
const maxOptions = 40

// appendRows appends five 32-bit rows of a header.
//
// Headers are built of rows, not of bytes, because rows can be summed: to load
// bytes that were stored one by one just before makes the processor wait.
func appendRows(b []byte, r0, r1, r2, r3, r4 uint32) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(r0)<<32|uint64(r1))
	b = binary.BigEndian.AppendUint64(b, uint64(r2)<<32|uint64(r3))
	return binary.BigEndian.AppendUint32(b, r4)
}

// appendOptions appends options and, unless exact, pads them to whole rows.
func appendOptions(b, options []byte, exact bool) []byte {
	b = append(b, options...)
	if !exact {
		b = append(b, make([]byte, -len(options)&3)...)
	}
	return b
}

// rowsOf returns the number of rows of a header of n bytes and options.
func rowsOf(n int, options []byte) uint32 { return uint32(n+len(options)+3) / 4 }

// setDefault sets *p to v if it is zero.
func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// fillPorts sets ports that are zero in the first row of a TCP or UDP header;
// next is the port of the next layer, 0 if it has none.
func fillPorts(row uint32, next uint16) uint32 {
	if row>>16 == 0 {
		row |= 12345 << 16
	}
	if row&0xffff == 0 {
		row |= uint32(next)
	}
	if row&0xffff == 0 {
		row |= 80
	}
	return row
}

// said returns the total of a [head] for a length that a header gives: none is
// nonsense, not unknown.
func said(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

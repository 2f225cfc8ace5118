package testpkt

import (
	"fmt"
	"sync"
)

// A DecodeError says in which layer of a packet decoding met bytes that
// contradict the headers, and why.
type DecodeError struct {
	Layer  string // its type, such as "TCP"
	Offset int    // where the layer begins, in bytes from the packet's start
	Err    error  // what is wrong
}

// Error returns one line with layer, offset and cause.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode %s at byte %d: %v", e.Layer, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

var decoders = sync.Pool{New: func() any { return new(Decoder) }}

// Decode returns the layers of a packet that starts with Ethernet. They are
// values and Exact, so [Build] makes the same bytes of them. For other packets
// and other layers, and to decode without allocations, there is [Decoder].
//
// Each header decides by its number what comes next. What no layer of this
// package describes, what is in a fragment but the first one, and what follows
// a TCP or UDP header to an unknown port is a [Payload]. Bytes behind the end
// that the lengths in the headers give, such as the padding of short frames,
// are a [Trailer]. There are no empty payloads and trailers. Versions and
// checksums are fields like others: wrong ones are no error.
//
// The layers share memory with pkt.
//
// Returns a [*DecodeError] for the first contradiction. Where a header is cut
// off or can't be understood, decoding stops: what is left is a Payload, and
// Build still makes the same bytes of the layers. A length that is too small
// for its header or larger than the packet isn't believed: decoding goes on
// with the bytes that there are. In the first of several fragments and in a
// packet that an ICMP error quotes, missing bytes are no error.
func Decode(pkt []byte) ([]Layer, error) {
	d := decoders.Get().(*Decoder)
	defer decoders.Put(d)
	layers, err := d.Decode(pkt)
	values := make([]Layer, len(layers))
	for i, l := range layers {
		values[i] = valueOf(l)
	}
	return values, err
}

// A Span is a layer and the place of its header in a packet: pkt[Start:End].
// Of a [Payload] and a [Trailer] it has all bytes.
type Span struct {
	Layer Layer
	Start int // offset of the first byte
	End   int // offset of the byte behind the last one
}

// Spans is [Decode] that also says where the layers are. Spans follow each
// other without gaps and cover the packet, also if there is an error.
func Spans(pkt []byte) ([]Span, error) {
	d := decoders.Get().(*Decoder)
	defer decoders.Put(d)
	layers, err := d.Decode(pkt)
	spans := make([]Span, len(layers))
	for i, l := range layers {
		spans[i] = Span{Layer: valueOf(l), Start: d.starts[i], End: len(pkt)}
		if i > 0 {
			spans[i-1].End = d.starts[i]
		}
	}
	return spans, err
}

// tooShort is the error of a header that is cut off: how many bytes it has.
type tooShort uint16

func (e tooShort) Error() string { return fmt.Sprintf("header of %d bytes is cut off", uint16(e)) }

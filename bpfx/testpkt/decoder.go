package testpkt

import (
	"errors"
	"fmt"
)

// A Decoder decodes packets as [Decode] does, and also those that don't start
// with Ethernet and those with layers of other packages. The zero Decoder is
// ready to use. It must not be used by several goroutines at once, and not be
// copied after its first use.
type Decoder struct {
	// LinkType says what packets start with. Zero: [LinkTypeEthernet], though it
	// is the number of [LinkTypeNull], which isn't decoded.
	LinkType LinkType

	funcs  map[announced]DecodeFunc
	layers []Layer
	starts []int // of each layer, in bytes
	common [2]commonLayers
	store
}

// announced is a number in its space.
type announced struct {
	space  Space
	number uint16
}

// A DecodeFunc takes one layer from the head of data, which is what the layer
// before it carries. It returns an error if data doesn't begin with one.
type DecodeFunc func(data []byte) (Head, error)

// A Head is a layer at the head of some bytes.
type Head struct {
	Layer Layer
	Len   int // of its header, in bytes

	// Total is the length of header and all that it carries, in bytes. Zero: the
	// header doesn't say.
	Total int

	// Space and Number announce what follows. Zero Space: [Payload].
	Space  Space
	Number uint16
}

// Register has f decode the layers that are announced by number in space s. It
// replaces what decoded them before; nil: they are [Payload].
func (d *Decoder) Register(s Space, number uint16, f DecodeFunc) {
	if f == nil {
		f = func([]byte) (Head, error) { return Head{}, nil }
	}
	if d.funcs == nil {
		d.funcs = make(map[announced]DecodeFunc)
	}
	d.funcs[announced{s, number}] = f
}

// Decode is like the function [Decode], but the layers are pointers into the
// Decoder, and they and the slice are only valid until its next call. It
// allocates nothing once it has seen a packet with as many layers of each kind.
func (d *Decoder) Decode(pkt []byte) ([]Layer, error) {
	layers, starts := d.reset()
	h := head{space: SpaceLinkType, number: uint16(d.LinkType)}
	if h.number == 0 {
		h.number = LinkTypeEthernet
	}
	var first *DecodeError
	off, end, frames := 0, len(pkt), 0
	for {
		for frames < len(d.common) && d.funcs == nil && h.space == SpaceLinkType && h.number == LinkTypeEthernet {
			at, next := len(layers), len(layers)+commonRoom
			if next > min(cap(layers), cap(starts), maxLayers-2) {
				break
			}
			var n int
			off, end, n = d.common[frames].decode(pkt[:end], off, &h, (*[commonRoom]Layer)(layers[at:next]), (*[commonRoom]int)(starts[at:next]))
			layers, starts = layers[:at+n], starts[:at+n]
			if frames++; n == 0 {
				break
			}
		}
		if d.funcs == nil && (h.space == SpaceTCPPort || h.space == SpaceUDPPort && h.number != PortVXLAN) {
			break // a payload
		}
		data := pkt[off:end:end]
		is, partial := announced{h.space, h.number}, h.partial
		l, err := d.next(&h, data)
		if len(layers) == maxLayers-2 && l != nil && err == nil { // room for payload and trailer
			err = ErrTooManyLayers
		}
		if err != nil {
			var short tooShort
			if !partial || !errors.As(err, &short) {
				first = firstError(first, is.error(l, off, err))
			}
			break
		}
		if l == nil {
			break // a payload
		}
		layers, starts = append(layers, l), append(starts, off)
		if h.total != 0 {
			switch {
			case h.total >= h.n && h.total <= len(data):
				end = off + h.total
			case h.total < h.n || !partial:
				first = firstError(first, is.error(l, off, lengthError(h, len(data))))
			}
		}
		off += h.n
	}
	d.layers, d.starts = d.appendRest(layers, starts, pkt, off, end)
	if first != nil {
		return d.layers, first
	}
	return d.layers, nil
}

// reset returns room for the layers of a packet and where they start.
func (d *Decoder) reset() ([]Layer, []int) {
	d.used = used{}
	if d.layers == nil {
		const room = (len(d.common) + 1) * commonRoom
		d.layers, d.starts = make([]Layer, 0, room), make([]int, 0, room)
	}
	return d.layers[:0], d.starts[:0]
}

// appendRest appends what isn't decoded: pkt[off:end] and what is behind end.
func (d *Decoder) appendRest(layers []Layer, starts []int, pkt []byte, off, end int) ([]Layer, []int) {
	if off < end {
		d.payload = Payload(pkt[off:end:end])
		layers, starts = append(layers, &d.payload), append(starts, off)
	}
	if end < len(pkt) {
		d.trailer = Trailer(pkt[end:len(pkt):len(pkt)])
		layers, starts = append(layers, &d.trailer), append(starts, end)
	}
	return layers, starts
}

// Offsets returns where the layers of the last packet begin, in bytes. It is
// only valid until the next call of Decode.
func (d *Decoder) Offsets() []int { return d.starts }

// error returns the error of a layer, which may be nil, at an offset.
func (a announced) error(l Layer, off int, err error) *DecodeError {
	name := fmt.Sprintf("layer %#x of space %d", a.number, a.space)
	if l != nil {
		name = layerName(l)
	}
	return &DecodeError{Layer: name, Offset: off, Err: err}
}

func firstError(first, e *DecodeError) *DecodeError {
	if first != nil {
		return first
	}
	return e
}

func lengthError(h head, n int) error {
	if h.total < h.n {
		return fmt.Errorf("length of %d bytes is less than the header's %d", max(h.total, 0), h.n)
	}
	return fmt.Errorf("length of %d bytes, but there are %d", h.total, n)
}

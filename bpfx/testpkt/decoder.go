package testpkt

import "fmt"

// A Decoder decodes packets as [Decode] does, and also those that don't start
// with Ethernet and those with layers of other packages. The zero Decoder is
// ready to use. It must not be used by several goroutines at once, and not be
// copied after its first use.
type Decoder struct {
	// LinkType says what packets start with, as a number of [SpaceLinkType].
	// Zero: [LinkTypeEthernet].
	LinkType uint16

	funcs  map[announced]DecodeFunc
	layers []Layer
	starts []int // of each layer, in bytes
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
	d.layers, d.starts, d.used = d.layers[:0], d.starts[:0], used{}
	h := head{space: SpaceLinkType, number: d.LinkType}
	if h.number == 0 {
		h.number = LinkTypeEthernet
	}
	var first *DecodeError
	off, end := 0, len(pkt)
	for {
		if len(d.layers) == maxLayers-2 { // room for payload and trailer
			first = firstError(first, &DecodeError{Layer: "Payload", Offset: off, Err: ErrTooManyLayers})
			break
		}
		data := pkt[off:end:end]
		partial := h.partial
		l, next, err := d.next(h, data)
		if l == nil && err == nil {
			break // a payload
		}
		if err != nil {
			if _, short := err.(tooShort); !short || !partial {
				first = firstError(first, &DecodeError{Layer: h.nameOf(l), Offset: off, Err: err})
			}
			break
		}
		d.layers, d.starts = append(d.layers, l), append(d.starts, off)
		if next.total != 0 {
			switch {
			case next.total < next.n || next.total > len(data) && !partial:
				first = firstError(first, &DecodeError{Layer: layerName(l), Offset: off, Err: lengthError(next, len(data))})
			case next.total <= len(data):
				end = off + next.total
			}
		}
		off += next.n
		h, h.partial = next, next.partial || partial
	}
	d.rest(Payload(pkt[off:end:end]), off)
	if end < len(pkt) {
		t := take(&d.trailer, &d.used.trailer)
		*t = Trailer(pkt[end:len(pkt):len(pkt)])
		d.layers, d.starts = append(d.layers, t), append(d.starts, end)
	}
	if first != nil {
		return d.layers, first
	}
	return d.layers, nil
}

// Offsets returns where the layers of the last packet begin, in bytes. It is
// only valid until the next call of Decode.
func (d *Decoder) Offsets() []int { return d.starts }

// rest adds what isn't decoded.
func (d *Decoder) rest(data Payload, off int) {
	if len(data) == 0 {
		return
	}
	p := take(&d.payload, &d.used.payload)
	*p = data
	d.layers, d.starts = append(d.layers, p), append(d.starts, off)
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

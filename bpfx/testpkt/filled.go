package testpkt

import "reflect"

// Filled returns layers as [Decode] returns those of the packet that [Build]
// makes of them: values, Exact, with all that Build defaults and computes, and
// without empty payloads and trailers. Payloads next to each other are one.
//
// Decode finds the same layers if the headers say what is true: that a number
// announces the layer that follows, and that lengths are right. Layers of other
// packages and Exact ones are returned as they are.
//
// Returns the errors of Build.
func Filled(layers ...Layer) ([]Layer, error) {
	pkt, err := Build(layers...)
	if err != nil {
		return nil, err
	}
	starts, err := startsOf(layers, pkt)
	if err != nil {
		return nil, err
	}
	filled := make([]Layer, 0, len(layers))
	for i, l := range layers {
		switch l := valueOf(l).(type) {
		case Payload:
			filled = appendPayload(filled, l)
		case Trailer:
			if len(l) > 0 {
				filled = append(filled, l)
			}
		default:
			filled = append(filled, filledLayer(l, pkt[starts[i]:starts[i+1]:starts[i+1]]))
		}
	}
	return filled, nil
}

// appendPayload appends data, to the payload before it if there is one.
func appendPayload(layers []Layer, data Payload) []Layer {
	if len(data) == 0 {
		return layers
	}
	if n := len(layers); n > 0 {
		if before, ok := layers[n-1].(Payload); ok {
			layers[n-1] = append(before[:len(before):len(before)], data...)
			return layers
		}
	}
	return append(layers, data)
}

// startsOf returns where each layer of pkt begins, and its length. What a layer
// and those after it take doesn't depend on those before it.
func startsOf(layers []Layer, pkt []byte) ([]int, error) {
	end := len(pkt)
	if t, ok := valueOf(layers[len(layers)-1]).(Trailer); ok {
		end -= len(t)
	}
	starts := make([]int, len(layers), len(layers)+1)
	var buf []byte
	for i, l := range layers {
		var err error
		if buf, err = l.Append(buf[:0], Place{layers: layers, i: uint32(i), addrs: hasAddrs}); err != nil {
			return nil, err
		}
		starts[i] = end - len(buf)
	}
	return append(starts, end), nil
}

// filledLayer returns l with what its header h has.
func filledLayer(l Layer, h []byte) Layer {
	ptr := reflect.New(reflect.TypeOf(l))
	d, ok := ptr.Interface().(interface{ decode([]byte, *head) error })
	if !ok || isExact(l) || reflect.TypeOf(l).PkgPath() != reflect.TypeFor[Payload]().PkgPath() {
		return l // of another package, even if one of ours is embedded in it
	}
	makeTrue(l, h)
	if err := d.decode(h, new(head)); err != nil {
		return l
	}
	switch l := l.(type) {
	case IPv4:
		restore(&ptr.Interface().(*IPv4).IHL, l.IHL)
	case TCP:
		restore(&ptr.Interface().(*TCP).DataOffset, l.DataOffset)
	case IPv6HopByHop:
		restore(&ptr.Interface().(*IPv6HopByHop).Length, l.Length)
	case IPv6Destination:
		restore(&ptr.Interface().(*IPv6Destination).Length, l.Length)
	case IPv6Routing:
		restore(&ptr.Interface().(*IPv6Routing).Length, l.Length)
	case ARP:
		restore(&ptr.Interface().(*ARP).HardwareLen, l.HardwareLen)
		restore(&ptr.Interface().(*ARP).ProtocolLen, l.ProtocolLen)
	case GRE:
		ptr.Interface().(*GRE).Flags |= l.Flags
	}
	return ptr.Elem().Interface().(Layer)
}

// restore sets *field to what it was before [makeTrue], if it was set.
func restore(field *uint8, set uint8) {
	if set != 0 {
		*field = set
	}
}

// makeTrue sets what the header h says about its own length to the truth.
func makeTrue(l Layer, h []byte) {
	n := len(h)
	switch l.(type) {
	case IPv4:
		h[0] = h[0]&0xf0 | byte(n/4)
	case TCP:
		h[12] = h[12]&0xf | byte(n/4)<<4
	case IPv6HopByHop, IPv6Destination, IPv6Routing:
		h[1] = byte(n/extensionUnit - 1)
	case ARP:
		h[4], h[5] = 6, 4
	case GRE:
		h[0] &^= 0x40 // routing
	}
}

// isExact reports whether l has a field Exact that is set.
func isExact(l Layer) bool {
	v := reflect.Indirect(reflect.ValueOf(l))
	if v.Kind() != reflect.Struct {
		return false
	}
	f := v.FieldByName("Exact")
	return f.Kind() == reflect.Bool && f.Bool()
}

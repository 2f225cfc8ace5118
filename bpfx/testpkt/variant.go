package testpkt

import (
	"bytes"
	"fmt"
	"iter"
	"reflect"
)

// Variant is a hostile variant of a packet.
type Variant struct {
	Name   string // what was done to the packet
	Packet []byte // a copy, the caller's to keep
}

// Hostile returns all hostile variants of packets: their [Truncations], their
// [LengthLies], and the [Corruptions] of all their layers. A packet of 60 bytes
// has some 650: 5 ms to run them all.
func Hostile(pkts ...[]byte) iter.Seq[Variant] {
	return func(yield func(Variant) bool) {
		for i, pkt := range pkts {
			prefix := ""
			if len(pkts) > 1 {
				prefix = fmt.Sprintf("packet %d: ", i)
			}
			for _, seq := range []iter.Seq[Variant]{Truncations(pkt), LengthLies(pkt), Corruptions(pkt, nil)} {
				for v := range seq {
					v.Name = prefix + v.Name
					if !yield(v) {
						return
					}
				}
			}
		}
	}
}

// Truncations returns a packet cut off at every length, from 0 bytes to all but
// the last one. Lengths and checksums stay as they were.
func Truncations(pkt []byte) iter.Seq[Variant] {
	return func(yield func(Variant) bool) {
		spans, _ := Spans(pkt) // malformed packets can be cut off too
		for n := range pkt {
			name := fmt.Sprintf("cut to %d of %d bytes", n, len(pkt))
			if s, ok := spanAt(spans, n); ok && s.Start == n {
				name += ", before " + layerName(s.Layer)
			} else if ok {
				name += ", in " + layerName(s.Layer)
			}
			if !yield(Variant{name, bytes.Clone(pkt[:n])}) {
				return
			}
		}
	}
}

// spanAt returns the layer that has a byte.
func spanAt(spans []Span, at int) (Span, bool) {
	for _, s := range spans {
		if s.Start <= at && at < s.End {
			return s, true
		}
	}
	return Span{}, false
}

// Corruptions returns a packet with one byte of a layer changed: each byte with
// each of its bits flipped, set to 0 and set to 0xff. Checksums stay as they
// were, as with damage on the way. The layers are all those of layer's type,
// whose fields don't matter, or if it is nil all there are: for example
// TCP{}. There are no variants if the packet, as [Decode] sees it, has none.
func Corruptions(pkt []byte, layer Layer) iter.Seq[Variant] {
	return func(yield func(Variant) bool) {
		spans, _ := Spans(pkt) // what can't be decoded is a payload
		for i, s := range spans {
			if layer != nil && layerName(layer) != layerName(s.Layer) {
				continue
			}
			for at := s.Start; at < s.End; at++ {
				for _, to := range corruptBytes(pkt[at]) {
					v := Variant{Packet: bytes.Clone(pkt)}
					v.Packet[at] = to
					v.Name = fmt.Sprintf("byte %d (%s) %#02x -> %#02x", at, changedField(s.Layer, i, v.Packet), pkt[at], to)
					if !yield(v) {
						return
					}
				}
			}
		}
	}
}

// corruptBytes returns what a byte is replaced by.
func corruptBytes(b byte) []byte {
	list := make([]byte, 0, 10)
	for bit := range 8 {
		list = append(list, b^1<<bit)
	}
	for _, v := range [...]byte{0, 0xff} {
		if d := b ^ v; d&(d-1) != 0 { // more than one bit differs
			list = append(list, v)
		}
	}
	return list
}

// changedField names the layer and, if only one field of it differs in the i-th
// layer of a packet, the field.
func changedField(l Layer, i int, pkt []byte) string {
	name := layerName(l)
	spans, _ := Spans(pkt) // compared as far as it goes
	before := reflect.ValueOf(l)
	if i >= len(spans) || before.Kind() != reflect.Struct {
		return name
	}
	after := reflect.ValueOf(spans[i].Layer)
	if after.Type() != before.Type() {
		return name
	}
	field := ""
	for f := range before.NumField() {
		if !before.Type().Field(f).IsExported() || reflect.DeepEqual(before.Field(f).Interface(), after.Field(f).Interface()) {
			continue
		}
		if field != "" {
			return name
		}
		field = before.Type().Field(f).Name
	}
	if field == "" {
		return name
	}
	return name + "." + field
}

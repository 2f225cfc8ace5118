package testpkt

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Match reports what in a packet, which starts with Ethernet, isn't as the
// partial layers say; nil if all is. Layers are looked for in their order, each
// behind the one before, and others may lie between them: a TCP layer alone
// matches any packet with these fields in its first TCP header, whatever
// carries it. To match an inner layer, name the outer ones of its type too.
//
// Fields of a partial layer that are zero don't matter. To ask for a zero, name
// its field with [Zero], or set Exact: then every field matters. An empty
// [Payload] matches any.
//
// The error has one line for each field and layer that doesn't match, and says
// where decoding stopped if it did.
func Match(pkt []byte, partial ...Layer) error {
	layers, err := Decode(pkt)
	if errs := matchLayers(layers, partial); len(errs) > 0 {
		if err != nil {
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	return nil
}

// MatchLayers is [Match] for the layers of a packet, of a [Decoder] for
// instance.
func MatchLayers(layers []Layer, partial ...Layer) error {
	return errors.Join(matchLayers(layers, partial)...)
}

func matchLayers(layers, partial []Layer) []error {
	var errs []error
	var d differ // names layers
	left := values(layers)
	for _, want := range partial {
		var zeros []string
		if z, ok := want.(zeroed); ok {
			want, zeros = z.Layer, z.fields
		}
		if want == nil || isNil(want) {
			errs = append(errs, ErrNilLayer)
			continue
		}
		want = values([]Layer{want})[0]
		name := d.name(want)
		i := slices.IndexFunc(left, func(l Layer) bool { return layerName(l) == layerName(want) })
		if i < 0 {
			errs = append(errs, fmt.Errorf("%s: not in %s", name, layerNames(layers)))
			continue
		}
		errs = append(errs, matchLayer(name, want, left[i], zeros)...)
		left = left[i+1:]
	}
	return errs
}

// layerNames returns the names of layers, as in a path.
func layerNames(layers []Layer) string {
	if len(layers) == 0 {
		return "an empty packet"
	}
	names := make([]string, len(layers))
	for i, l := range layers {
		names[i] = layerName(l)
	}
	return strings.Join(names, "/")
}

// matchLayer compares the fields of want that matter.
func matchLayer(name string, want, got Layer, zeros []string) []error {
	var errs []error
	for _, z := range zeros {
		if !hasField(want, z) {
			errs = append(errs, fmt.Errorf("%s.%s: no such field to be zero", name, z))
		}
	}
	w := reflect.Indirect(reflect.ValueOf(want)) // only a pointer may be a layer of another package
	if w.Kind() != reflect.Struct {
		if w.IsZero() || w.Kind() == reflect.Slice && w.Len() == 0 {
			return errs
		}
		d := differ{}
		d.layer(name, want, got)
		if s := d.lines.String(); s != "" {
			errs = append(errs, errors.New(strings.TrimSuffix(s, "\n")))
		}
		return errs
	}
	exact := isExact(want)
	for _, f := range fieldDiffs(want, got) {
		field := strings.TrimPrefix(f.path, ".")
		top, _, _ := strings.Cut(field, ".")
		top, _, _ = strings.Cut(top, "[")
		if top != "" && !exact && !slices.Contains(zeros, top) && w.FieldByName(top).IsZero() {
			continue
		}
		errs = append(errs, fmt.Errorf("%s%s: %s", name, f.path, f.String(want)))
	}
	return errs
}

// zeroed is a layer with fields that are to be zero.
type zeroed struct {
	Layer
	fields []string
}

// Zero returns a layer for [Match] that matches as l does, and whose named
// fields must be zero in the packet:
//
//	testpkt.Zero(testpkt.TCP{DstPort: 80}, "Flags", "Ack")
func Zero(l Layer, fields ...string) Layer {
	if z, ok := l.(zeroed); ok {
		return zeroed{z.Layer, slices.Concat(z.fields, fields)}
	}
	return zeroed{l, slices.Clone(fields)}
}

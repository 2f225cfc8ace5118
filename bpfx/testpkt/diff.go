package testpkt

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A DiffOption says what [Diff] leaves out.
type DiffOption struct{ ignore []string }

// Ignore leaves fields out: "IPv4.TTL" is that of every IPv4 layer, "IPv4[1].TTL"
// that of the second one, "IPv4" is all fields of the layer and whether it is
// there, "*.Checksum" a field of any layer. Layers of other packages have the
// name of their type with its package, such as "mypkg.MPLS".
//
// A name that no layer has is reported as a difference. [DiffLayers], which may
// be given other layers than those of this package, doesn't report those that
// theirs could have: "mypkg.MPLS", "*.Label".
func Ignore(fields ...string) DiffOption { return DiffOption{slices.Clone(fields)} }

// IgnoreChecksums leaves checksums out.
func IgnoreChecksums() DiffOption { return Ignore("*.Checksum") }

// Diff says in which fields the packet got isn't the packet want: one line per
// field, such as "IPv4.TTL: want 64, got 63", and per layer that only one of
// them has. Both start with Ethernet. It returns "" if there is no difference;
// without options that is if both have the same bytes.
//
// Of two layers of one kind the second has an index, "IPv4[1].TTL". Where a
// packet can't be decoded, the rest is compared as [Payload], and why is said
// in the last lines.
func Diff(want, got []byte, opts ...DiffOption) string {
	wantLayers, wantErr := Decode(want)
	gotLayers, gotErr := Decode(got)
	d := diffLayers(wantLayers, gotLayers, false, opts)
	if d == "" {
		return ""
	}
	if wantErr != nil {
		d += fmt.Sprintf("want: %v\n", wantErr)
	}
	if gotErr != nil {
		d += fmt.Sprintf("got: %v\n", gotErr)
	}
	return d
}

// DiffLayers is [Diff] for layers, of a [Decoder] for instance. They are
// compared as they are: the zero fields of layers to build are filled by
// [Filled]. A pointer to a layer is the same as the layer.
func DiffLayers(want, got []Layer, opts ...DiffOption) string {
	return diffLayers(want, got, true, opts)
}

// diffLayers compares layers; others says whether they may be of others.
func diffLayers(want, got []Layer, others bool, opts []DiffOption) string {
	d := differ{}
	for _, o := range opts {
		d.ignore = append(d.ignore, o.ignore...)
	}
	d.checkIgnored(others)
	want, got = values(want), values(got)
	for _, p := range align(want, got) {
		switch {
		case p.got == nil:
			d.add(d.name(p.want), "", fmt.Sprintf("want %s, got none", describe(p.want)))
		case p.want == nil:
			d.add(layerName(p.got), "", fmt.Sprintf("want none, got %s", describe(p.got)))
		default:
			d.layer(d.name(p.want), p.want, p.got)
		}
	}
	return d.lines.String()
}

// differ collects differences.
type differ struct {
	ignore []string
	seen   map[string]int // layers of want, by name
	lines  strings.Builder
}

// name returns the name of a layer of want, with an index if it isn't the first.
func (d *differ) name(l Layer) string {
	if d.seen == nil {
		d.seen = make(map[string]int)
	}
	name := layerName(l)
	n := d.seen[name]
	d.seen[name]++
	if n == 0 {
		return name
	}
	return fmt.Sprintf("%s[%d]", name, n)
}

// add adds a line unless the field is ignored; path is empty for a whole layer.
func (d *differ) add(layer, path, what string) {
	base, _, indexed := strings.Cut(layer, "[")
	layers := []string{layer, base}
	if !indexed {
		layers = []string{layer, layer + "[0]"}
	}
	field, _, _ := strings.Cut(strings.TrimPrefix(path, "."), "[")
	for _, name := range d.ignore {
		if slices.Contains(layers, name) {
			return
		}
		l, f, _ := cutField(name)
		if (l == "*" || slices.Contains(layers, l)) && f == field && f != "" {
			return
		}
	}
	fmt.Fprintf(&d.lines, "%s%s: %s\n", layer, path, what)
}

// cutField cuts "IPv4.TTL" at its last dot, for names of types have one too.
func cutField(name string) (layer, field string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}

// layer adds the differences between two layers of one type.
func (d *differ) layer(name string, want, got Layer) {
	switch w := want.(type) {
	case Payload:
		d.bytes(name, w, got.(Payload))
	case Trailer:
		d.bytes(name, w, got.(Trailer))
	default:
		for _, f := range fieldDiffs(want, got) {
			d.add(name, f.path, f.String(want))
		}
	}
}

// bytes adds where two payloads differ, and some of the bytes from there on.
func (d *differ) bytes(name string, want, got []byte) {
	if bytes.Equal(want, got) {
		return
	}
	i := 0
	for i < min(len(want), len(got)) && want[i] == got[i] {
		i++
	}
	what := fmt.Sprintf("at byte %d want %s, got %s", i, excerpt(want[i:]), excerpt(got[i:]))
	if len(want) != len(got) {
		what = fmt.Sprintf("want %d bytes, got %d; %s", len(want), len(got), what)
	}
	d.add(name, "", what)
}

// excerpt returns the first bytes of b.
func excerpt(b []byte) string {
	const most = 16
	switch {
	case len(b) == 0:
		return "the end"
	case len(b) > most:
		return fmt.Sprintf("%x...", b[:most])
	}
	return fmt.Sprintf("%x", b)
}

// values returns what layers point to, and those that are no pointers.
func values(layers []Layer) []Layer {
	values := make([]Layer, len(layers))
	for i, l := range layers {
		values[i] = l
		if v := reflect.ValueOf(l); v.Kind() == reflect.Pointer && !v.IsNil() {
			if l, ok := v.Elem().Interface().(Layer); ok {
				values[i] = l
			}
		}
	}
	return values
}

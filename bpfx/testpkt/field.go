package testpkt

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// fieldDiff is a field in which two layers differ.
type fieldDiff struct {
	path      string // from the layer on, such as ".TTL"
	want, got reflect.Value
}

// String says what is wanted and what is there, for a field of a layer like l.
func (f fieldDiff) String(l Layer) string {
	return fmt.Sprintf("want %s, got %s", formatField(l, f.path, f.want), formatField(l, f.path, f.got))
}

// fieldDiffs returns the fields in which two layers of one type differ.
func fieldDiffs(want, got Layer) []fieldDiff {
	var r reporter
	cmp.Equal(want, got, cmp.Reporter(&r), compareAddrs, compareMACs, compareBytes, exportAll)
	return r.diffs
}

var (
	compareAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	compareMACs  = cmp.Comparer(func(a, b MAC) bool { return a == b })
	compareBytes = cmp.Comparer(bytes.Equal)
	exportAll    = cmp.Exporter(func(reflect.Type) bool { return true })
)

// reporter collects what go-cmp finds different.
type reporter struct {
	path  cmp.Path
	diffs []fieldDiff
}

// PushStep implements the interface of [cmp.Reporter].
func (r *reporter) PushStep(s cmp.PathStep) { r.path = append(r.path, s) }

// PopStep implements the interface of [cmp.Reporter].
func (r *reporter) PopStep() { r.path = r.path[:len(r.path)-1] }

// Report implements the interface of [cmp.Reporter].
func (r *reporter) Report(result cmp.Result) {
	if result.Equal() {
		return
	}
	var path strings.Builder
	for _, s := range r.path {
		switch s.(type) {
		case cmp.StructField, cmp.SliceIndex, cmp.MapIndex:
			path.WriteString(s.String())
		}
	}
	if path.String() == ".Exact" {
		return
	}
	want, got := r.path.Last().Values()
	r.diffs = append(r.diffs, fieldDiff{path.String(), want, got})
}

// hexFields are fields that are read as hexadecimal numbers.
var hexFields = map[string]bool{
	".Checksum": true, ".EtherType": true, ".ProtocolType": true, "GRE.Protocol": true, ".TOS": true,
	".TrafficClass": true, ".FlowLabel": true, ".Reserved": true, ".Reserved2": true, "GRE.Key": true,
	"VXLAN.Flags": true, "GRE.Flags": true, "RouterAdvert.Flags": true,
}

// formatField formats the value of a field of a layer like l.
func formatField(l Layer, path string, v reflect.Value) string {
	if !v.IsValid() || !v.CanInterface() {
		return "none"
	}
	switch x := v.Interface().(type) {
	case []byte:
		return formatBytes(l, x)
	case fmt.Stringer:
		return x.String()
	}
	if v.CanUint() && (hexFields[path] || hexFields[layerName(l)+path]) {
		return fmt.Sprintf("%#0*x", 2*int(v.Type().Size()), v.Uint())
	}
	return fmt.Sprintf("%v", v.Interface())
}

// formatBytes formats a field of bytes: the options of a layer in words.
func formatBytes(l Layer, b []byte) string {
	if len(b) == 0 {
		return "none"
	}
	parse := func([]byte) ([]Option, error) { return []Option{RawBytes(b)}, nil }
	switch l.(type) {
	case TCP:
		parse = ParseTCPOptions
	case IPv4:
		parse = ParseIPv4Options
	case IPv6HopByHop, IPv6Destination:
		parse = ParseIPv6Options
	case NeighborSolicit, NeighborAdvert, RouterSolicit, RouterAdvert:
		parse = ParseNDOptions
	}
	options, err := parse(b)
	same := Options(options...)
	if err != nil || !bytes.HasPrefix(b, same) || !allZero(b[len(same):]) { // zeros pad
		return fmt.Sprintf("%#x", b)
	}
	words := make([]string, len(options))
	for i, o := range options {
		words[i] = o.String()
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// describe returns the fields of a layer that aren't zero, but Exact.
func describe(l Layer) string {
	v := reflect.ValueOf(l)
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		return fmt.Sprintf("%d bytes %s", v.Len(), excerpt(v.Bytes()))
	case v.Kind() != reflect.Struct:
		return fmt.Sprintf("%+v", l)
	}
	var fields []string
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if f := v.Field(i); !f.IsZero() && name != "Exact" && f.CanInterface() {
			fields = append(fields, name+" "+formatField(l, "."+name, f))
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

package testpkt

import (
	"fmt"
	"reflect"
	"strings"
)

// knownLayers are the layers of this package.
var knownLayers = []Layer{
	Ethernet{}, VLAN{}, ARP{}, IPv4{}, IPv6{}, IPv6HopByHop{}, IPv6Destination{}, IPv6Routing{}, IPv6Fragment{},
	ICMP{}, ICMPv6{}, NeighborSolicit{}, NeighborAdvert{}, RouterSolicit{}, RouterAdvert{},
	TCP{}, UDP{}, GRE{}, VXLAN{}, Payload{}, Trailer{},
}

// checkIgnored adds names that nothing has: a misspelt one would hide nothing
// today, and what it was to hide comes as a surprise later. Those of layers of
// other packages aren't known.
func (d *differ) checkIgnored(others bool) {
	for _, name := range d.ignore {
		if !ignorable(name, others) {
			fmt.Fprintf(&d.lines, "ignore %q: no layer or field has this name\n", name)
		}
	}
}

// ignorable reports whether a layer has this name or a field of this name, or
// may have if there are others.
func ignorable(name string, others bool) bool {
	layer, field, _ := strings.Cut(name, ".")
	layer, index, indexed := strings.Cut(layer, "[")
	if indexed && !strings.HasSuffix(index, "]") {
		return false
	}
	for _, l := range knownLayers {
		if layer != "*" && layer != layerName(l) {
			continue
		}
		if field == "" || hasField(l, field) {
			return layer != "*" || field != ""
		}
		if layer != "*" {
			return false
		}
	}
	return others && field != "" // mypkg.MPLS
}

// hasField reports whether l is a struct with this exported field.
func hasField(l Layer, name string) bool {
	t := reflect.TypeOf(l)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	f, ok := t.FieldByName(name)
	return ok && f.IsExported()
}

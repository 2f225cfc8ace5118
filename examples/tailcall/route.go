package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bpfx/go/bpfx/testpkt"
)

// A route is where a packet went: the stages that it met, with their versions.
type route struct {
	verdict string
	path    []string
}

func (r route) String() string { return r.verdict + " by " + strings.Join(r.path, " > ") }

// stages has the names of stages by the number in their stamps.
var stages = map[byte]string{0: "parse", 1: "vlan", 2: "ipv4", 3: "ipv6", 4: "tcp", 5: "udp", 14: "entry"}

// readRoute reads struct trace of pipeline.c, which is in front of the packet.
func readRoute(verdict string, out, packet []byte) (route, error) {
	const size, head, max = 16, 4, 12 // bytes
	if len(out) < size || !bytes.Equal(out[size:], packet) || int(out[0]) > max {
		return route{}, fmt.Errorf("%s: no trace in front of the packet: % x", verdict, out)
	}
	r := route{verdict: verdict}
	for _, stamp := range out[head : head+out[0]] {
		stage, version := stamp>>4, stamp&15
		switch {
		case stage == 15:
			r.path = append(r.path, []string{"pass", "drop"}[version&1])
		case version > 1:
			r.path = append(r.path, fmt.Sprintf("%s v%d", stages[stage], version))
		default:
			r.path = append(r.path, stages[stage])
		}
	}
	return r, nil
}

// A packet is one to send, and what is to become of it.
type packet struct {
	name   string
	layers []testpkt.Layer
	path   string // with a % for the version of the stage that is replaced
	drop   int    // from which version of that stage on it is dropped; 0 means never
}

// packets are sent through the chain.
var packets = []packet{
	{"TCP", []testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{Flags: testpkt.SYN}}, "entry parse ipv4 tcp", 0},
	{"TCP, telnet", []testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{DstPort: 23}}, "entry parse ipv4 tcp", 1},
	{"UDP", []testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}}, "entry parse ipv4 udp%", 0},
	{"UDP, DNS over IPv6", []testpkt.Layer{testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.UDP{DstPort: 53}}, "entry parse ipv6 udp%", 2},
	{"TCP in a VLAN", []testpkt.Layer{testpkt.Ethernet{}, testpkt.VLAN{ID: 7}, testpkt.IPv6{}, testpkt.TCP{}}, "entry parse vlan ipv6 tcp", 0},
	{"UDP in two VLANs", []testpkt.Layer{testpkt.Ethernet{}, testpkt.VLAN{ID: 7}, testpkt.VLAN{ID: 8}, testpkt.IPv4{}, testpkt.UDP{DstPort: 53}}, "entry parse vlan vlan ipv4 udp%", 2},
	{"neither", []testpkt.Layer{testpkt.Ethernet{EtherType: 0x88b5}, testpkt.Payload("hello")}, "entry parse", 0},
	{"ends too early", []testpkt.Layer{testpkt.Ethernet{EtherType: 0x0800}, testpkt.Payload("hello")}, "entry parse ipv4", 1},
}

func (p *packet) bytes() []byte { return testpkt.MustBuild(p.layers...) }

// expect returns the route that a packet must take with a version of the stage
// that is replaced.
func (p *packet) expect(version int) route {
	r := route{verdict: "XDP_PASS"}
	for _, name := range strings.Fields(p.path) {
		name, replaced := strings.CutSuffix(name, "%")
		if replaced && version > 1 {
			name = fmt.Sprintf("%s v%d", name, version)
		}
		r.path = append(r.path, name)
	}
	if p.drop > 0 && version >= p.drop {
		r.verdict = "XDP_DROP"
		r.path = append(r.path, "drop")
	} else {
		r.path = append(r.path, "pass")
	}
	return r
}

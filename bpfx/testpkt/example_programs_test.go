package testpkt_test

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
)

// The examples run everywhere: these stand in for programs in the kernel.

// firewall drops TCP to port 23 and what it can't parse.
var firewall = fakeXDP(func(pkt []byte) (uint32, []byte) {
	layers, err := testpkt.Decode(pkt)
	if err != nil {
		return xdpDropped, pkt
	}
	for _, l := range layers {
		if tcp, ok := l.(testpkt.TCP); ok && tcp.DstPort == 23 {
			return xdpDropped, pkt
		}
	}
	return xdpPassed, pkt
})

// sloppy does the same for IPv4 only, and makes mistakes.
var sloppy = fakeXDP(func(pkt []byte) (uint32, []byte) {
	switch {
	case len(pkt) < 34:
		return xdpDropped, pkt
	case pkt[23] != testpkt.ProtocolTCP:
		return xdpPassed, pkt
	case len(pkt) < 54:
		return xdpDropped, pkt
	}
	if offset := pkt[46] >> 4; offset == 3 || offset == 4 { // no header, no firewall
		return xdpPassed, pkt
	}
	if binary.BigEndian.Uint16(pkt[36:]) == 23 {
		return xdpDropped, pkt
	}
	return xdpPassed, pkt
})

// tagger puts a frame in VLAN 7.
var tagger = fakeXDP(func(pkt []byte) (uint32, []byte) {
	return xdpPassed, append(append(append([]byte{}, pkt[:12]...), 0x81, 0, 0, 7), pkt[12:]...)
})

// forwarder takes a hop off and sends the packet on, and forgets the checksum.
var forwarder = fakeXDP(func(pkt []byte) (uint32, []byte) {
	if pkt[22] <= 1 {
		return xdpDropped, pkt
	}
	pkt[22]--
	return 4, pkt // XDP_REDIRECT
})

// balancer sends packets to another server, and mends the checksums.
var balancer = fakeXDP(func(pkt []byte) (uint32, []byte) {
	layers, err := testpkt.Decode(pkt)
	if err != nil {
		return xdpDropped, pkt
	}
	for i, l := range layers {
		switch l := l.(type) {
		case testpkt.IPv4:
			layers[i] = testpkt.IPv4{Src: l.Src, Dst: backend, TTL: l.TTL}
		case testpkt.TCP:
			layers[i] = testpkt.TCP{SrcPort: l.SrcPort, DstPort: l.DstPort, Flags: l.Flags}
		}
	}
	return 3, testpkt.MustBuild(layers...) // XDP_TX
})

// classifier is a tc program: it marks packets that come in by interface 2.
var classifier testpkt.Runner = marker{}

type marker struct{}

func (marker) Type() ebpf.ProgramType { return ebpf.SchedCLS }

func (marker) Run(in bpfx.RunInput) (bpfx.Result, error) {
	ctx, _ := in.Context.(bpfx.SKBContext)
	if ctx.IngressIfindex == 2 {
		ctx.Mark = 42
	}
	out, err := binary.Append(nil, binary.NativeEndian, ctx)
	return bpfx.Result{Verdict: "TC_ACT_OK", Data: in.Data, Context: out}, err
}

const (
	xdpDropped = 1
	xdpPassed  = 2
)

// testingT stands in for a *testing.T.
type testingT struct{}

func (testingT) Error(args ...any) { fmt.Println(args...) }
func (testingT) Fatal(args ...any) { fmt.Println(args...) }

var t testingT

// Package sample holds the capture of the replay example, sample.pcap, and how
// it is made.
package sample

import (
	_ "embed" // of sample.pcap
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bpfx/go/bpfx/testpkt"
)

//go:generate go run ./generate

// Pcap is the capture.
//
//go:embed sample.pcap
var Pcap []byte

// snapLength is what is kept of a packet, in bytes.
const snapLength = 256

// Write makes the capture: the same each time.
func Write(w io.Writer) error {
	p, err := testpkt.NewPcapWriter(w, testpkt.LinkTypeEthernet, testpkt.PcapFormat{SnapLength: snapLength})
	if err != nil {
		return err
	}
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for i, data := range slices.Concat(local(), web(), tags(), fragments(), tunnels(), routed(), malformed()) {
		if err := p.Write(testpkt.PcapPacket{Time: at, Data: data}); err != nil {
			return fmt.Errorf("packet %d: %w", i+1, err)
		}
		at = at.Add(7 * time.Millisecond)
	}
	return nil
}

// packet is what its layers are.
type packet = []testpkt.Layer

// build builds packets, each behind an Ethernet header.
func build(pkts ...packet) (list [][]byte) {
	for _, layers := range pkts {
		list = append(list, testpkt.MustBuild(append(packet{testpkt.Ethernet{}}, layers...)...))
	}
	return list
}

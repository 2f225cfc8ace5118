package sample_test

import (
	"bytes"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/examples/replay/sample"
)

// TestWrite makes the capture and compares it with the file.
func TestWrite(t *testing.T) {
	var buf bytes.Buffer
	if err := sample.Write(&buf); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(buf.Bytes(), sample.Pcap) {
		t.Errorf("sample.pcap isn't what Write makes: run go generate ./examples/replay/sample")
	}
	if n := buf.Len(); n > 20<<10 {
		t.Errorf("the capture has %d bytes, which is a lot for a repository", n)
	}
}

// TestProtocols checks that the capture has what it is meant to have.
func TestProtocols(t *testing.T) {
	r, err := testpkt.NewPcapReader(bytes.NewReader(sample.Pcap))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]int)
	for pkt, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		if pkt.Truncated() {
			found["truncated"]++
		}
		layers, err := testpkt.Decode(pkt.Data)
		if err != nil {
			found["malformed"]++
		}
		vlans := 0
		for _, l := range layers {
			switch l := l.(type) {
			case testpkt.VLAN:
				if vlans++; vlans == 2 {
					found["QinQ"]++
				}
			case testpkt.ARP:
				found["ARP"]++
			case testpkt.NeighborSolicit, testpkt.NeighborAdvert:
				found["ND"]++
			case testpkt.ICMP:
				found["ICMP"]++
			case testpkt.ICMPv6:
				found["ICMPv6"]++
			case testpkt.TCP:
				found["TCP"]++
			case testpkt.UDP:
				if l.SrcPort == 53 || l.DstPort == 53 {
					found["DNS"]++
				}
			case testpkt.IPv4:
				if l.FragmentOffset != 0 || l.Flags&testpkt.MoreFragments != 0 {
					found["IPv4 fragment"]++
				}
			case testpkt.IPv6Fragment:
				found["IPv6 fragment"]++
			case testpkt.VXLAN:
				found["VXLAN"]++
			case testpkt.GRE:
				found["GRE"]++
			case testpkt.IPv6HopByHop, testpkt.IPv6Routing:
				found["extension"]++
			}
		}
		if vlans == 1 {
			found["VLAN"]++
		}
	}
	for _, want := range []string{
		"ARP", "ND", "ICMP", "ICMPv6", "DNS", "TCP", "VLAN", "QinQ", "IPv4 fragment", "IPv6 fragment",
		"VXLAN", "GRE", "extension", "malformed", "truncated",
	} {
		if found[want] == 0 {
			t.Errorf("no %s in the capture", want)
		}
	}
}

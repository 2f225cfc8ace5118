package router

import (
	"os"
	"testing"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
)

// withRouter loads the program for a test.
func withRouter(t *testing.T, fn func(*bpfx.Program) error) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skipping: needs root")
	}
	spec, err := LoadRouter()
	if err != nil {
		t.Fatal(err)
	}
	if err := bpfx.WithProgram(spec.Programs["router"], fn); err != nil {
		t.Error(err)
	}
}

func TestRouter(t *testing.T) {
	packet := func(ip testpkt.IPv4) []byte {
		return testpkt.MustBuild(testpkt.Ethernet{}, ip, testpkt.UDP{}, testpkt.Payload("hello"))
	}
	arp := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.ARP{})
	cases := []testpkt.Case{
		{
			Name:    "TTL goes down",
			Packet:  packet(testpkt.IPv4{TTL: 64}),
			Verdict: "XDP_PASS",
			Want:    packet(testpkt.IPv4{TTL: 63}), // with a checksum of its own
		},
		{
			Name:    "too far",
			Packet:  packet(testpkt.IPv4{TTL: 1}),
			Verdict: "XDP_DROP",
		},
		{
			Name:    "carry in the checksum",
			Packet:  packet(testpkt.IPv4{TTL: 2, ID: 0xa4cb}),
			Verdict: "XDP_PASS",
			Want:    packet(testpkt.IPv4{TTL: 1, ID: 0xa4cb}),
		},
		{
			Name:    "ARP is left alone",
			Packet:  arp,
			Verdict: "XDP_PASS",
			Want:    arp,
		},
	}
	withRouter(t, func(p *bpfx.Program) error {
		return testpkt.Check(p, cases)
	})
}

func TestRouterHostile(t *testing.T) {
	packet := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{}, testpkt.Payload("hello"))
	withRouter(t, func(p *bpfx.Program) error {
		report, err := testpkt.Torture(p, testpkt.Hostile(packet))
		if err != nil {
			return err
		}
		return report.Only("XDP_PASS", "XDP_DROP")
	})
}

package main

import (
	"fmt"
	"io"
	"net/netip"
	"text/tabwriter"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/examples/quickstart/firewall"
)

const (
	openPort    = 9000
	blockedPort = 9001
)

// Sources on the loopback network, which is all 127.0.0.0/8.
var (
	goodSource    = netip.MustParseAddr("127.0.0.1")
	blockedSource = netip.MustParseAddr("127.0.0.66")
)

// block fills the firewall's lists.
func block(c *bpfx.Collection) error {
	if err := c.Maps[firewall.FirewallMapBlockedPorts].Put(uint16(blockedPort), uint8(1)); err != nil {
		return err
	}
	return c.Maps[firewall.FirewallMapBlockedSources].Put(blockedSource.As4(), uint8(1))
}

// packets is what the firewall is tried on.
var packets = []struct {
	name   string
	layers []testpkt.Layer
	want   string
}{
	{"IPv4 UDP, open port", []testpkt.Layer{
		testpkt.Ethernet{}, testpkt.IPv4{Src: goodSource}, testpkt.UDP{DstPort: openPort}, testpkt.Payload("hello"),
	}, "XDP_PASS"},
	{"IPv4 UDP, blocked port", []testpkt.Layer{
		testpkt.Ethernet{}, testpkt.IPv4{Src: goodSource}, testpkt.UDP{DstPort: blockedPort}, testpkt.Payload("hello"),
	}, "XDP_DROP"},
	{"IPv4 UDP, blocked source", []testpkt.Layer{
		testpkt.Ethernet{}, testpkt.IPv4{Src: blockedSource}, testpkt.UDP{DstPort: openPort}, testpkt.Payload("hello"),
	}, "XDP_DROP"},
	{"IPv4 TCP, blocked port", []testpkt.Layer{
		testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{DstPort: blockedPort, Flags: testpkt.SYN},
	}, "XDP_DROP"},
	{"IPv6 UDP, open port", []testpkt.Layer{
		testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.UDP{DstPort: openPort}, testpkt.Payload("hello"),
	}, "XDP_PASS"},
	{"IPv6 TCP, blocked port", []testpkt.Layer{
		testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.TCP{DstPort: blockedPort, Flags: testpkt.SYN},
	}, "XDP_DROP"},
	{"VLAN, IPv4 UDP, blocked port", []testpkt.Layer{
		testpkt.Ethernet{}, testpkt.VLAN{ID: 42}, testpkt.IPv4{}, testpkt.UDP{DstPort: blockedPort},
	}, "XDP_DROP"},
	{"two VLANs, IPv6 UDP, open port", []testpkt.Layer{
		testpkt.Ethernet{}, testpkt.VLAN{ID: 7}, testpkt.VLAN{ID: 42}, testpkt.IPv6{}, testpkt.UDP{DstPort: openPort},
	}, "XDP_PASS"},
}

// testRuns runs prog over the packets, without attaching it.
func testRuns(w io.Writer, prog *bpfx.Program) error {
	const repeat = 100_000
	fmt.Fprintf(w, "Test runs: the kernel runs the firewall over built packets, %d times each.\n\n", repeat)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "PACKET\tBYTES\tVERDICT\tNS PER RUN")
	for _, p := range packets {
		pkt, err := testpkt.Build(p.layers...)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		res, err := prog.Run(bpfx.RunInput{Data: pkt, Repeat: repeat})
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if res.Verdict != p.want {
			return fmt.Errorf("%s: verdict %s, want %s", p.name, res.Verdict, p.want)
		}
		fmt.Fprintf(tab, "%s\t%d\t%s\t%d\n", p.name, len(pkt), res.Verdict, res.Duration.Nanoseconds())
	}
	if err := truncated(tab, prog); err != nil {
		return err
	}
	return tab.Flush()
}

// truncated cuts the first packet off at every byte. The kernel runs XDP
// programs on 14 bytes and more.
func truncated(w io.Writer, prog *bpfx.Program) error {
	const ethernet, ports = 14, 14 + 20 + 4 // the firewall reads no further
	pkt, err := testpkt.Build(packets[0].layers...)
	if err != nil {
		return err
	}
	for n := ethernet; n < len(pkt); n++ {
		res, err := prog.Run(bpfx.RunInput{Data: pkt[:n]})
		if err != nil {
			return fmt.Errorf("cut off at byte %d: %w", n, err)
		}
		want := "XDP_DROP"
		if n >= ports {
			want = "XDP_PASS"
		}
		if res.Verdict != want {
			return fmt.Errorf("cut off at byte %d: verdict %s, want %s", n, res.Verdict, want)
		}
	}
	fmt.Fprintf(w, "the first, cut off at every byte\t%d-%d\tXDP_DROP\t\n", ethernet, ports-1)
	fmt.Fprintf(w, "\t%d-%d\tXDP_PASS\t\n", ports, len(pkt)-1)
	return nil
}

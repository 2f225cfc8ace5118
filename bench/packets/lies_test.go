package packets

import (
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
)

// TestLengthLiesTshark has tshark verify the checksums of packets whose lengths
// are lies. Where an IP header is said to be of another length, it looks for the
// next one elsewhere.
func TestLengthLiesTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("skipping: tshark not found (try apt-get install tshark)")
	}
	data := testpkt.Payload("hello, world")
	var pkts [][]byte
	var lies []string
	for _, layers := range [][]testpkt.Layer{
		{testpkt.IPv4{}, testpkt.UDP{DstPort: 61000}, data},
		{testpkt.IPv4{Options: []byte{7, 7, 4, 1, 2, 3, 4, 0}}, testpkt.TCP{DstPort: 61000, Options: testpkt.Options(testpkt.MSS(1400), testpkt.Timestamps{})}, data},
		{
			testpkt.IPv4{Options: testpkt.Options(testpkt.IPv4Route{Kind: testpkt.LooseRoute, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}})},
			testpkt.UDP{DstPort: 61000}, data,
		},
		{testpkt.IPv6{}, testpkt.IPv6HopByHop{Options: testpkt.Options(testpkt.IPv6RouterAlert(0))}, testpkt.TCP{DstPort: 61000}, data},
		{testpkt.IPv6{}, testpkt.IPv6Routing{Type: testpkt.RoutingSource, SegmentsLeft: 1, Data: testpkt.SourceRoute(netip.MustParseAddr("fd00::9"))}, testpkt.UDP{DstPort: 61000}, data},
		{testpkt.IPv6{}, testpkt.NeighborSolicit{Options: testpkt.Options(testpkt.SourceLinkAddr{})}},
		{testpkt.IPv4{}, testpkt.ICMP{Type: testpkt.ICMPEchoRequest}, data},
	} {
		for v := range testpkt.LengthLies(testpkt.MustBuild(append([]testpkt.Layer{testpkt.Ethernet{}}, layers...)...)) {
			pkts, lies = append(pkts, v.Packet), append(lies, v.Name)
		}
	}
	path := filepath.Join(t.TempDir(), "lies.pcap")
	writePcap(t, path, pkts)
	args := []string{"-n", "-r", path, "-T", "fields"}
	for _, protocol := range []string{"ip", "tcp", "udp"} {
		args = append(args, "-o", protocol+".check_checksum:TRUE")
	}
	for _, protocol := range []string{"ip", "tcp", "udp", "icmp", "icmpv6"} {
		args = append(args, "-e", protocol+".checksum.status")
	}
	out, err := exec.Command(tshark, args...).Output()
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(lines) != len(pkts) {
		t.Fatalf("%v: %d lines for %d packets", err, len(lines), len(pkts))
	}
	verified := 0
	for i, line := range lines {
		ip, transport, _ := strings.Cut(line, "\t")
		elsewhere := strings.HasPrefix(lies[i], "IPv4.IHL") || strings.HasPrefix(lies[i], "IPv6HopByHop.Length") || strings.HasPrefix(lies[i], "IPv6Routing.Length")
		if ip == "0" || strings.Contains(transport, "0") && !elsewhere {
			t.Errorf("%s: tshark finds a bad checksum (0): %q\n%x", lies[i], line, pkts[i])
		}
		verified += strings.Count(line, "1")
	}
	if verified < 100 {
		t.Errorf("tshark verified %d checksums of %d packets", verified, len(pkts))
	}
}

package packets

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/internal/pktgen"
)

// writePcap writes packets to a file.
func writePcap(t *testing.T, path string, pkts [][]byte) {
	t.Helper()
	var b bytes.Buffer
	if err := testpkt.WritePcap(&b, pkts...); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// checksums are the fields in which tshark says whether a checksum is right.
var checksums = []string{"ip", "tcp", "udp", "icmp", "icmpv6", "gre"}

// tsharkFields returns one line per packet: its protocols, whether anything is
// malformed, and the states of its checksums.
func tsharkFields(t *testing.T, pkts [][]byte) []string {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("skipping: tshark not found (try apt-get install tshark)")
	}
	path := filepath.Join(t.TempDir(), "packets.pcap")
	writePcap(t, path, pkts)
	args := []string{
		"-n", "-r", path, "-T", "fields",
		"-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
		"-o", "tcp.desegment_tcp_streams:FALSE", "-o", "tcp.analyze_sequence_numbers:FALSE",
		"-e", "frame.protocols", "-e", "_ws.malformed",
	}
	for _, c := range checksums {
		args = append(args, "-e", c+".checksum.status")
	}
	// Otherwise dissectors guess what a random payload could be, and fail.
	for _, ports := range []string{"80", "12345", "61000-65000"} {
		args = append(args, "-d", "tcp.port=="+ports+",data", "-d", "udp.port=="+ports+",data")
	}
	args = append(args, "-d", "udp.port==4789,vxlan")
	// The same behind the packet, and in an echo.
	for _, guess := range []string{"f5ethtrailer", "gmhdr", "gmtrailer", "ixiatrailer", "vssmonitoring", "hipercontracer"} {
		args = append(args, "--disable-protocol", guess)
	}
	cmd := exec.Command(tshark, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.Bytes())
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(pkts) {
		t.Fatalf("tshark printed %d lines for %d packets\n%s", len(lines), len(pkts), stderr.Bytes())
	}
	return lines
}

// TestTshark has tshark decode packets of random layers: it must see the same
// layers, nothing malformed and every checksum right.
func TestTshark(t *testing.T) {
	r := newRand(t)
	var pkts [][]byte
	var want []string
	for range 2000 {
		stack := pktgen.Stack(r)
		filled, err := testpkt.Filled(stack...)
		if err != nil {
			t.Fatal(err)
		}
		pkts = append(pkts, testpkt.MustBuild(stack...))
		want = append(want, tsharkLine(filled))
	}
	bad := 0
	for i, got := range tsharkFields(t, pkts) {
		if got != want[i] && bad < 10 {
			bad++
			t.Errorf("packet %d: %s\n%x\ntshark sees\n%q, want\n%q", i, testpkt.String(pkts[i]), pkts[i], got, want[i])
		}
	}
}

// tsharkLine returns what tsharkFields is to print.
func tsharkLine(stack []testpkt.Layer) string {
	protocols := []string{}
	sums := make(map[string][]string)
	sum := func(name string) { sums[name] = append(sums[name], "1") } // good
	add := func(names ...string) { protocols = append(protocols, names...) }
	for i, l := range stack {
		switch l := l.(type) {
		case testpkt.Ethernet:
			add("eth", "ethertype")
		case testpkt.VLAN:
			name := "vlan"
			if _, ok := stack[i+1].(testpkt.VLAN); ok {
				name = "ieee8021ad"
			}
			add(name, "ethertype")
		case testpkt.ARP:
			add("arp")
		case testpkt.IPv4:
			add("ip")
			sum("ip")
		case testpkt.IPv6:
			add("ipv6")
		case testpkt.IPv6HopByHop:
			add("ipv6.hopopts")
		case testpkt.IPv6Destination:
			add("ipv6.dstopts")
		case testpkt.IPv6Routing:
			add("ipv6.routing")
		case testpkt.IPv6Fragment:
			add("ipv6.fraghdr")
		case testpkt.ICMP:
			add("icmp")
			sum("icmp")
		case testpkt.ICMPv6, testpkt.NeighborSolicit, testpkt.NeighborAdvert, testpkt.RouterSolicit, testpkt.RouterAdvert:
			add("icmpv6")
			sum("icmpv6")
		case testpkt.TCP:
			add("tcp")
			sum("tcp")
		case testpkt.UDP:
			add("udp")
			sum("udp")
		case testpkt.GRE:
			add("gre")
			if l.Flags&testpkt.GREChecksum != 0 {
				sum("gre")
			}
		case testpkt.VXLAN:
			add("vxlan")
		case testpkt.Payload:
			add("data")
		}
	}
	fields := []string{strings.Join(protocols, ":"), ""} // nothing malformed
	for _, c := range checksums {
		fields = append(fields, strings.Join(sums[c], ","))
	}
	return strings.Join(fields, "\t")
}

// TestTsharkFindsFaults makes sure that TestTshark would fail.
func TestTsharkFindsFaults(t *testing.T) {
	pkts := [][]byte{
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{Checksum: 1}, testpkt.UDP{DstPort: 61000}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{DstPort: 61000, Checksum: 1}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.TCP{DstPort: 61000, Checksum: 1}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.ICMP{Type: testpkt.ICMPEchoRequest, Checksum: 1}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.RouterSolicit{Checksum: 1}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.GRE{Checksum: 1}, testpkt.IPv4{}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{Protocol: testpkt.ProtocolTCP}, testpkt.Payload("short")),
	}
	want := []string{
		"eth:ethertype:ip:udp\t\t0\t\t1\t\t\t", // 0 is bad
		"eth:ethertype:ip:udp\t\t1\t\t0\t\t\t",
		"eth:ethertype:ipv6:tcp\t\t\t0\t\t\t\t",
		"eth:ethertype:ip:icmp\t\t1\t\t\t0\t\t",
		"eth:ethertype:ipv6:icmpv6\t\t\t\t\t\t0\t",
		"eth:ethertype:ip:gre:ip\t\t1,1\t\t\t\t\t0",
		"eth:ethertype:ip:tcp\t[Malformed Packet: TCP],_ws.malformed\t1\t\t\t\t\t",
	}
	for i, got := range tsharkFields(t, pkts) {
		if got != want[i] {
			t.Errorf("packet %d: tshark sees %q, want %q", i, got, want[i])
		}
	}
}

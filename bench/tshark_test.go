package testpkt_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
)

// writePcap writes packets in the classic pcap format, link type Ethernet.
func writePcap(t *testing.T, path string, pkts [][]byte) {
	t.Helper()
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4) // magic: microseconds
	b = le.AppendUint16(b, 2)             // major version
	b = le.AppendUint16(b, 4)             // minor version
	b = le.AppendUint32(b, 0)             // time zone
	b = le.AppendUint32(b, 0)             // accuracy
	b = le.AppendUint32(b, 1<<18)         // snapshot length
	b = le.AppendUint32(b, 1)             // link type: Ethernet
	for i, pkt := range pkts {
		b = le.AppendUint32(b, uint32(i))        // seconds
		b = le.AppendUint32(b, 0)                // microseconds
		b = le.AppendUint32(b, uint32(len(pkt))) // captured length
		b = le.AppendUint32(b, uint32(len(pkt))) // length
		b = append(b, pkt...)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tsharkFields returns one line per packet: its protocols, whether anything
// is malformed, and the states of the checksums of IPv4, TCP and UDP.
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
		"-e", "ip.checksum.status", "-e", "tcp.checksum.status", "-e", "udp.checksum.status",
	}
	// Otherwise dissectors guess what a random payload could be, and fail.
	for _, ports := range []string{"80", "12345", "61000-65000"} {
		args = append(args, "-d", "tcp.port=="+ports+",data", "-d", "udp.port=="+ports+",data")
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
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var pkts [][]byte
	var want []string
	for range 1000 {
		layers := randomStack(r)
		pkts = append(pkts, testpkt.MustBuild(layers...))
		want = append(want, tsharkLine(layers))
	}
	for i, got := range tsharkFields(t, pkts) {
		if got != want[i] {
			t.Errorf("packet %d: %x\ntshark sees %q, want %q", i, pkts[i], got, want[i])
		}
	}
}

// tsharkLine returns what tsharkFields is to print; a status of 1 is good.
func tsharkLine(layers []testpkt.Layer) string {
	protocols := []string{"eth", "ethertype"}
	var ip, tcp, udp []string
	for i, l := range layers {
		switch l := l.(type) {
		case testpkt.VLAN:
			name := "vlan"
			if _, ok := layers[i+1].(testpkt.VLAN); ok {
				name = "ieee8021ad"
			}
			protocols = append(protocols, name, "ethertype")
		case testpkt.IPv4:
			protocols, ip = append(protocols, "ip"), append(ip, "1")
		case testpkt.IPv6:
			protocols = append(protocols, "ipv6")
		case testpkt.TCP:
			protocols, tcp = append(protocols, "tcp"), append(tcp, "1")
		case testpkt.UDP:
			protocols, udp = append(protocols, "udp"), append(udp, "1")
		case testpkt.Payload:
			if len(l) > 0 {
				protocols = append(protocols, "data")
			}
		}
	}
	fields := []string{
		strings.Join(protocols, ":"), "", // nothing malformed
		strings.Join(ip, ","), strings.Join(tcp, ","), strings.Join(udp, ","),
	}
	return strings.Join(fields, "\t")
}

// TestTsharkFindsFaults makes sure that TestTshark would fail.
func TestTsharkFindsFaults(t *testing.T) {
	pkts := [][]byte{
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{Checksum: 1}, testpkt.UDP{DstPort: 61000}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{DstPort: 61000, Checksum: 1}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.TCP{DstPort: 61000, Checksum: 1}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{Protocol: testpkt.ProtocolTCP}, testpkt.Payload("short")),
	}
	want := []string{
		"eth:ethertype:ip:udp\t\t0\t\t1", // 0 is bad
		"eth:ethertype:ip:udp\t\t1\t\t0",
		"eth:ethertype:ipv6:tcp\t\t\t0\t",
		"eth:ethertype:ip:tcp\t[Malformed Packet: TCP],_ws.malformed\t1\t\t",
	}
	for i, got := range tsharkFields(t, pkts) {
		if got != want[i] {
			t.Errorf("packet %d: tshark sees %q, want %q", i, got, want[i])
		}
	}
}

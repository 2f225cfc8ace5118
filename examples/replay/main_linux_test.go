package main

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/examples/replay/sample"
	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// mustRun runs the example and returns what it printed.
func mustRun(t *testing.T, opts options) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(&out, opts); err != nil {
		t.Fatalf("%v, after printing:\n%s", err, &out)
	}
	return out.String()
}

// TestRun runs the router over the sample.
func TestRun(t *testing.T) {
	testutil.NeedRoot(t)
	got := mustRun(t, options{})
	for _, want := range []string{
		"54 packets: 38 changed, 1 not captured whole\n",
		"\nXDP_REDIRECT  37 ", "\nXDP_PASS      8 ", "\nXDP_DROP      7 ", "\nXDP_TX        1 ",
		"\n1 not run by the kernel, the first is number 54: XDP programs need a packet of at least 14 bytes, Data has 10",
		"\n5  IP 192.0.2.10 > 192.0.2.1: ICMP echo request", "\n     IPv4.TTL 64 -> 63\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

// TestRunObject runs programs of object files, over a file.
func TestRunObject(t *testing.T) {
	testutil.NeedRoot(t)
	capture := filepath.Join(t.TempDir(), "capture.pcap")
	if err := os.WriteFile(capture, sample.Pcap, 0o600); err != nil {
		t.Fatal(err)
	}
	const object = "../../internal/testprogs/testprogs_bpfel.o"
	got := mustRun(t, options{object: object, program: "drop", capture: capture, repeat: 2})
	if want := "54 packets: 0 changed, 1 not captured whole\n\nVERDICT   PACKETS  \nXDP_DROP  53 "; !strings.Contains(got, want) {
		t.Errorf("no %q in:\n%s", want, got)
	}
	if got := mustRun(t, options{object: object, program: "mark"}); !strings.Contains(got, "\nTC_ACT_OK  5") {
		t.Errorf("tc printed:\n%s", got)
	}
	for _, tt := range []struct {
		opts options
		want string
	}{
		{options{object: object}, "drop"}, // several: they are listed
		{options{object: "nowhere.o"}, "nowhere.o"},
		{options{capture: "nowhere.pcap"}, "nowhere.pcap"},
		{options{capture: "main.go"}, "not a pcap file"},
		{options{changed: "/nowhere/changed.pcap"}, "/nowhere/changed.pcap"},
		{options{repeat: 1 << 31}, "at most"},
		{options{capture: capture, changed: filepath.Dir(capture) + "/./capture.pcap"}, "would overwrite the capture"},
	} {
		if err := run(new(bytes.Buffer), tt.opts); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("run(%+v) = %v, want %q", tt.opts, err, tt.want)
		}
	}
}

// TestChanged reads the packets that the router has changed.
func TestChanged(t *testing.T) {
	testutil.NeedRoot(t)
	path := filepath.Join(t.TempDir(), "changed.pcap")
	mustRun(t, options{changed: path})
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := testpkt.NewPcapReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var pkts []testpkt.PcapPacket
	for pkt, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		pkts = append(pkts, pkt)
	}
	if len(pkts) != 38 {
		t.Fatalf("%d packets, want 38", len(pkts))
	}
	// The answer to the ping, all its checksums right.
	want := testpkt.MustBuild(
		testpkt.Ethernet{Src: testpkt.MAC{5: 2}, Dst: testpkt.MAC{5: 1}},
		testpkt.IPv4{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.10")}, testpkt.ICMP{ID: 1, Seq: 1}, testpkt.Payload("abcdefghijklmnopqrstuvwabcdefghi"),
	)
	if d := testpkt.Diff(want, pkts[0].Data); d != "" {
		t.Errorf("the answer to the ping:\n%s", d)
	}
	if sum := testpkt.Checksum(pkts[1].Data[14:34]); sum != 0 {
		t.Errorf("the checksum of a routed packet is wrong by %#04x", sum)
	}

	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("skipping: tshark not found (try apt-get install tshark)")
	}
	cmd := exec.Command(tshark, "-n", "-r", path, "-o", "ip.check_checksum:TRUE", "-T", "fields", "-e", "ip.checksum.status", "-e", "icmp.checksum.status")
	out, err := cmd.Output()
	if lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); err != nil || len(lines) != 38 || lines[0] != "1\t1" {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}

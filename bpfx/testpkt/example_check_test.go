package testpkt_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
)

// The table of a firewall: which packets it drops, and which it lets pass as
// they are.
func ExampleCheck() {
	ssh := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{DstPort: 22, Flags: testpkt.SYN})
	err := testpkt.Check(firewall, []testpkt.Case{
		{Name: "ssh", Packet: ssh, Verdict: "XDP_PASS", Want: ssh},
		{
			Name:    "telnet",
			Packet:  testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{DstPort: 23, Flags: testpkt.SYN}),
			Verdict: "XDP_DROP",
		},
		{
			Name:    "telnet over IPv6, in a VLAN",
			Packet:  testpkt.MustBuild(testpkt.Ethernet{}, testpkt.VLAN{ID: 7}, testpkt.IPv6{}, testpkt.TCP{DstPort: 23}),
			Verdict: "XDP_DROP",
		},
		{
			Name:    "wrong header length",
			Packet:  testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{IHL: 4}, testpkt.TCP{}),
			Verdict: "XDP_PASS", // the program knows better
		},
	})
	if err != nil {
		t.Error(err)
	}
	// Output:
	// case "wrong header length": Verdict: want XDP_PASS, got XDP_DROP
}

// The program of an object file is tested in the kernel, as root, and without
// attaching it: this is all that a test needs.
func ExampleCheck_object() {
	prog, err := bpfx.LoadELF("firewall.o", "firewall")
	if err != nil {
		t.Fatal(err)
	}
	defer prog.Close()
	if err := prog.Maps["blocked_ports"].Put(uint16(53), uint8(1)); err != nil {
		t.Fatal(err)
	}
	err = testpkt.Check(prog, []testpkt.Case{{
		Name:    "blocked port",
		Packet:  testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{DstPort: 53}),
		Verdict: "XDP_DROP",
	}})
	if err != nil {
		t.Error(err)
	}
}

// A program that pushes a VLAN tag. The whole packet is compared, by field.
func ExampleCheck_vlanPush() {
	err := testpkt.Check(tagger, []testpkt.Case{{
		Name:    "vlan pushed",
		Packet:  testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}, testpkt.Payload("hello")),
		Verdict: "XDP_PASS",
		Want:    testpkt.MustBuild(testpkt.Ethernet{}, testpkt.VLAN{ID: 8}, testpkt.IPv4{}, testpkt.UDP{}, testpkt.Payload("hello")),
	}})
	if err != nil {
		t.Error(err)
	}
	// Output:
	// case "vlan pushed": VLAN.ID: want 8, got 7
}

// A router takes a hop off, and drops what has none left. Match asks for the
// fields that matter and no others.
func ExampleCheck_ttl() {
	err := testpkt.Check(forwarder, []testpkt.Case{
		{
			Name:    "a hop less",
			Packet:  testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{TTL: 64}, testpkt.UDP{}),
			Verdict: "XDP_REDIRECT",
			Match:   []testpkt.Layer{testpkt.IPv4{TTL: 63}},
		},
		{
			Name:    "last hop",
			Packet:  testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{TTL: 1}, testpkt.UDP{}),
			Verdict: "XDP_DROP",
		},
	})
	fmt.Println(err)
	// Output:
	// <nil>
}

// Want is built with the right checksums, so a program that forgets to mend one
// is found out.
func ExampleCheck_checksum() {
	packet := func(ttl uint8) []byte {
		return testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{TTL: ttl}, testpkt.UDP{})
	}
	err := testpkt.Check(forwarder, []testpkt.Case{
		{Name: "routed", Packet: packet(64), Verdict: "XDP_REDIRECT", Want: packet(63)},
		{Name: "ignored", Packet: packet(64), Verdict: "XDP_REDIRECT", Want: packet(63), Ignore: []string{"*.Checksum"}},
	})
	if err != nil {
		t.Error(err)
	}
	// Output:
	// case "routed": IPv4.Checksum: want 0x67cf, got 0x66cf
}

var backend = netip.MustParseAddr("10.0.0.9")

// A load balancer rewrites the destination, and with it the checksums of IPv4
// and TCP.
func ExampleCheck_rewrite() {
	packet := func(dst netip.Addr) []byte {
		return testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{Dst: dst}, testpkt.TCP{Flags: testpkt.SYN})
	}
	virtual := netip.MustParseAddr("10.0.0.2")
	err := testpkt.Check(balancer, []testpkt.Case{
		{Name: "to the backend", Packet: packet(virtual), Verdict: "XDP_TX", Want: packet(backend)},
	})
	fmt.Println(err)
	// Output:
	// <nil>
}

// A tc program reads its context, here by which interface a packet came in, and
// writes to it: Verify looks at that.
func ExampleCheck_context() {
	packet := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{})
	// marked returns a check of the mark that is left.
	marked := func(want uint32) func(bpfx.Result) error {
		return func(res bpfx.Result) error {
			var ctx bpfx.SKBContext
			if err := ctx.UnmarshalBinary(res.Context); err != nil {
				return err
			}
			if ctx.Mark != want {
				return fmt.Errorf("Mark: want %d, got %d", want, ctx.Mark)
			}
			return nil
		}
	}
	err := testpkt.Check(classifier, []testpkt.Case{
		{Name: "from outside", Packet: packet, Context: bpfx.SKBContext{IngressIfindex: 2}, Verdict: "TC_ACT_OK", Verify: marked(42)},
		{Name: "from inside", Packet: packet, Context: bpfx.SKBContext{IngressIfindex: 1}, Verdict: "TC_ACT_OK", Verify: marked(42)},
	})
	if err != nil {
		t.Error(err)
	}
	// Output:
	// case "from inside": Mark: want 42, got 0
}

// A mistake in the table is told from one of the program.
func ExampleCheck_mistake() {
	err := testpkt.Check(firewall, []testpkt.Case{{
		Name:    "typo",
		Packet:  testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}),
		Verdict: "XDP_DORP",
	}})
	if err != nil {
		t.Error(err)
	}
	// Output:
	// case "typo": Verdict: "XDP_DORP" is none of XDP programs (nearest: XDP_DROP)
}

// A parser is tortured in three lines: a firewall that drops a packet is to drop
// it also when it is cut off, or its lengths are lies. This one isn't: it lets
// TCP pass whose header is said to be too short.
func ExampleTorture() {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{DstPort: 23, Flags: testpkt.SYN})
	report, err := testpkt.Torture(sloppy, testpkt.Truncations(pkt), testpkt.LengthLies(pkt))
	if err == nil {
		err = report.Only("XDP_DROP")
	}
	if err != nil {
		t.Error(err)
	}
	fmt.Print(report)
	// Output:
	// TCP.DataOffset at byte 46: 5 -> 3: verdict XDP_PASS, want XDP_DROP
	// TCP.DataOffset at byte 46: 5 -> 4: verdict XDP_PASS, want XDP_DROP
	// 91 variants, 14 refused by the kernel
	// XDP_DROP  75  cut to 14 of 54 bytes, before IPv4
	// XDP_PASS  2   TCP.DataOffset at byte 46: 5 -> 3
	// refused   14  cut to 0 of 54 bytes, before Ethernet
}

// What a program does with a packet that is cut off, length by length. The
// kernel runs XDP programs over 14 bytes and more.
func ExampleTruncations() {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{})
	last := ""
	for v := range testpkt.Truncations(pkt) {
		if len(v.Packet) < 14 {
			continue
		}
		res, err := sloppy.Run(bpfx.RunInput{Data: v.Packet})
		if err != nil {
			t.Fatal(err)
		}
		if res.Verdict != last {
			fmt.Println(v.Name, res.Verdict)
			last = res.Verdict
		}
	}
	// Output:
	// cut to 14 of 42 bytes, before IPv4 XDP_DROP
	// cut to 34 of 42 bytes, before UDP XDP_PASS
}

// The lies about one length.
func ExampleLengthLies() {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.UDP{}, testpkt.Payload("hello"))
	for v := range testpkt.LengthLies(pkt) {
		fmt.Println(v.Name)
	}
	// Output:
	// IPv6.PayloadLength at byte 18: 13 -> 0
	// IPv6.PayloadLength at byte 18: 13 -> 1
	// IPv6.PayloadLength at byte 18: 13 -> 12
	// IPv6.PayloadLength at byte 18: 13 -> 14
	// IPv6.PayloadLength at byte 18: 13 -> 65535
	// UDP.Length at byte 58: 13 -> 0
	// UDP.Length at byte 58: 13 -> 1
	// UDP.Length at byte 58: 13 -> 7
	// UDP.Length at byte 58: 13 -> 8
	// UDP.Length at byte 58: 13 -> 12
	// UDP.Length at byte 58: 13 -> 14
	// UDP.Length at byte 58: 13 -> 65535
}

// What a bit that flips on the way does to a port.
func ExampleCorruptions() {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{DstPort: 53})
	for v := range testpkt.Corruptions(pkt, testpkt.UDP{}) {
		if strings.Contains(v.Name, "DstPort") && strings.Contains(v.Name, "byte 37") {
			fmt.Println(v.Name)
		}
	}
	// Output:
	// byte 37 (UDP.DstPort) 0x35 -> 0x34
	// byte 37 (UDP.DstPort) 0x35 -> 0x37
	// byte 37 (UDP.DstPort) 0x35 -> 0x31
	// byte 37 (UDP.DstPort) 0x35 -> 0x3d
	// byte 37 (UDP.DstPort) 0x35 -> 0x25
	// byte 37 (UDP.DstPort) 0x35 -> 0x15
	// byte 37 (UDP.DstPort) 0x35 -> 0x75
	// byte 37 (UDP.DstPort) 0x35 -> 0xb5
	// byte 37 (UDP.DstPort) 0x35 -> 0x00
	// byte 37 (UDP.DstPort) 0x35 -> 0xff
}

// A capture is replayed through a program: how often each verdict came out, and
// how packets were changed.
func ExampleReplay() {
	var file bytes.Buffer // os.Open
	err := testpkt.WritePcap(&file,
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{TTL: 1}, testpkt.UDP{}),
	)
	if err != nil {
		t.Fatal(err)
	}
	capture, err := testpkt.NewPcapReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	report, err := testpkt.Replay(forwarder, capture, &testpkt.ReplayOptions{
		Each: func(p testpkt.Replayed) error {
			if p.Changed {
				fmt.Printf("packet %d: %s", p.Number, testpkt.Diff(p.Input, p.Output))
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Print(report)
	// Output:
	// packet 1: IPv4.TTL: want 64, got 63
	// packets         2
	//   XDP_DROP      1
	//   XDP_REDIRECT  1
	// changed         1
}

// Packets with their times are written to a file, and read from it.
func ExamplePcapWriter() {
	var file bytes.Buffer // os.Create
	w, err := testpkt.NewPcapWriter(&file, testpkt.LinkTypeEthernet, testpkt.PcapFormat{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for i := range 3 {
		err := w.Write(testpkt.PcapPacket{
			Time: start.Add(time.Duration(i) * time.Second),
			Data: testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.ICMP{Type: testpkt.ICMPEchoRequest, Seq: uint16(i)}),
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	r, err := testpkt.NewPcapReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	for pkt, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(pkt.Time.Format(time.TimeOnly), testpkt.String(pkt.Data))
	}
	// Output:
	// 12:00:00 IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 0, seq 0
	// 12:00:01 IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 0, seq 1
	// 12:00:02 IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 0, seq 2
}

package testpkt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
)

// capture returns a reader of a file with packets.
func capture(t *testing.T, link testpkt.LinkType, pkts ...testpkt.PcapPacket) *testpkt.PcapReader {
	t.Helper()
	var buf bytes.Buffer
	w, err := testpkt.NewPcapWriter(&buf, link, testpkt.PcapFormat{})
	if err != nil {
		t.Fatal(err)
	}
	for _, pkt := range pkts {
		if err := w.Write(pkt); err != nil {
			t.Fatal(err)
		}
	}
	r, err := testpkt.NewPcapReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReplay(t *testing.T) {
	frame := func(n int, first byte) testpkt.PcapPacket {
		b := make([]byte, n)
		b[0] = first
		return testpkt.PcapPacket{Time: time.Unix(int64(first), 0).UTC(), Data: b, Length: uint32(n)}
	}
	long := frame(20, 3)
	long.Length = 1500
	// 1 passes, 2 is changed, 3 is dropped, 4 is too short.
	in := capture(t, testpkt.LinkTypeEthernet, frame(14, 1), frame(60, 2), long, frame(13, 4), frame(60, 2))
	prog := fakeXDP(func(pkt []byte) (uint32, []byte) {
		switch pkt[0] {
		case 2:
			return 3, append(pkt, 0xff)
		case 3:
			return 1, pkt
		}
		return 2, pkt
	})
	var each []string
	report, err := testpkt.Replay(prog, in, &testpkt.ReplayOptions{Each: func(p testpkt.Replayed) error {
		each = append(each, fmt.Sprintf("%d: %d of %d at %d: %s, %v, %d, %v", p.Number, len(p.Data), p.Length, p.Time.Unix(), p.Verdict, p.Changed, len(p.Output), p.Refused))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1: 14 of 14 at 1: XDP_PASS, false, 14, <nil>",
		"2: 60 of 60 at 2: XDP_TX, true, 61, <nil>",
		"3: 20 of 1500 at 3: XDP_DROP, false, 20, <nil>",
		"4: 13 of 13 at 4: , false, 0, 13 bytes: invalid argument",
		"5: 60 of 60 at 2: XDP_TX, true, 61, <nil>",
	}
	if d := cmp.Diff(want, each); d != "" {
		t.Errorf("Each (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]int{"XDP_PASS": 1, "XDP_TX": 2, "XDP_DROP": 1}, report.Verdicts); d != "" {
		t.Errorf("verdicts (-want +got):\n%s", d)
	}
	const text = `packets             5
  XDP_DROP          1
  XDP_PASS          1
  XDP_TX            2
  refused           1  the first, packet 4: 13 bytes: invalid argument
changed             2
not captured whole  1
`
	if d := cmp.Diff(text, report.String()); d != "" {
		t.Errorf("String() (-want +got):\n%s", d)
	}
}

// TestReplayRawIP shows that packets without Ethernet get a header.
func TestReplayRawIP(t *testing.T) {
	v4, v6 := testpkt.MustBuild(testpkt.IPv4{}), testpkt.MustBuild(testpkt.IPv6{})
	in := capture(t, testpkt.LinkTypeIP, testpkt.PcapPacket{Data: v4}, testpkt.PcapPacket{Data: v6}, testpkt.PcapPacket{})
	var got [][]byte
	prog := fakeXDP(func(pkt []byte) (uint32, []byte) {
		got = append(got, pkt)
		return 2, pkt
	})
	if _, err := testpkt.Replay(prog, in, nil); err != nil {
		t.Fatal(err)
	}
	want := [][]byte{
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{}),
		testpkt.MustBuild(testpkt.Ethernet{EtherType: testpkt.EtherTypeIPv4}),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("packets that were run (-want +got):\n%s", d)
	}
}

// TestReplayInput shows that input can be set, and that timing is another run.
func TestReplayInput(t *testing.T) {
	var runs []uint32
	prog := fake{ebpf.SchedCLS, func(in *bpfx.RunInput) (uint32, []byte, error) {
		if ctx, ok := in.Context.(bpfx.SKBContext); !ok || ctx.Mark != 7 {
			t.Errorf("context = %+v", in.Context)
		}
		runs = append(runs, in.Repeat)
		return 0, append([]byte{}, in.Data...), nil
	}}
	in := capture(t, testpkt.LinkTypeEthernet, testpkt.PcapPacket{Data: make([]byte, 60)})
	_, err := testpkt.Replay(prog, in, &testpkt.ReplayOptions{
		Time:  1000,
		Input: func(in *bpfx.RunInput) { in.Context, in.Data = bpfx.SKBContext{Mark: 7}, in.Data[:20] },
		Each: func(p testpkt.Replayed) error {
			if p.Result.Runs != 1000 || len(p.Data) != 60 || len(p.Input) != 20 || p.Changed {
				t.Errorf("%+v", p)
			}
			return nil
		},
	})
	if d := cmp.Diff([]uint32{0, 1000}, runs); err != nil || d != "" {
		t.Errorf("Replay() = %v, runs (-want +got):\n%s", err, d)
	}
}

// TestReplayChangesInput shows that a packet stays as captured, and the first
// output what it was, whatever is done with the input.
func TestReplayChangesInput(t *testing.T) {
	room := make([]byte, 100)
	prog := fake{ebpf.XDP, func(in *bpfx.RunInput) (uint32, []byte, error) {
		out := append(in.DataOut[:0], in.Data...)
		out[1] = byte(in.Repeat)
		return 2, out, nil
	}}
	in := capture(t, testpkt.LinkTypeEthernet, testpkt.PcapPacket{Data: make([]byte, 60)})
	_, err := testpkt.Replay(prog, in, &testpkt.ReplayOptions{
		Time:  9,
		Input: func(in *bpfx.RunInput) { in.Data[0], in.DataOut = 7, room },
		Each: func(p testpkt.Replayed) error {
			if p.Data[0] != 0 || p.Input[0] != 7 || p.Output[0] != 7 || p.Output[1] != 0 {
				t.Errorf("captured %x, input %x, output %x", p.Data[:2], p.Input[:2], p.Output[:2])
			}
			return nil
		},
	})
	if err != nil {
		t.Error(err)
	}
}

// TestReplayLinkHeader shows that the zeros in place of an Ethernet header that
// a program never saw are no change.
func TestReplayLinkHeader(t *testing.T) {
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{})
	for typ, changed := range map[ebpf.ProgramType]bool{ebpf.CGroupSKB: false, ebpf.SchedCLS: true, ebpf.XDP: true, ebpf.FlowDissector: false} {
		prog := fake{typ, func(in *bpfx.RunInput) (uint32, []byte, error) {
			return 1, append(make([]byte, 14), in.Data[14:]...), nil
		}}
		report, err := testpkt.Replay(prog, capture(t, testpkt.LinkTypeEthernet, testpkt.PcapPacket{Data: pkt}), nil)
		if err != nil || (report.Changed == 1) != changed {
			t.Errorf("%v: %+v, %v; changed should be %v", typ, report, err, changed)
		}
	}
}

// TestReplayLinkHeaderStays shows that what isn't zeros isn't put back.
func TestReplayLinkHeaderStays(t *testing.T) {
	prog := fake{ebpf.CGroupSKB, func(in *bpfx.RunInput) (uint32, []byte, error) {
		return 1, append([]byte{13: 1}, in.Data[14:]...), nil
	}}
	in := capture(t, testpkt.LinkTypeEthernet, testpkt.PcapPacket{Data: testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{})})
	if report, err := testpkt.Replay(prog, in, nil); err != nil || report.Changed != 1 {
		t.Errorf("Replay() = %+v, %v; want a change", report, err)
	}
}

// slow is a program that takes 100 ns, and 10 if it is repeated.
type slow struct{}

func (slow) Run(in bpfx.RunInput) (bpfx.Result, error) {
	d := 100 * time.Nanosecond
	if in.Repeat > 1 {
		d = 10 * time.Nanosecond
	}
	return bpfx.Result{Data: in.Data, Duration: d}, nil
}

func TestReplayDuration(t *testing.T) {
	for repeat, want := range map[uint32]time.Duration{0: 300, 5: 30} {
		in := capture(t, testpkt.LinkTypeEthernet, make([]testpkt.PcapPacket, 3)...)
		report, err := testpkt.Replay(slow{}, in, &testpkt.ReplayOptions{Time: repeat})
		if err != nil || report.Duration != want {
			t.Errorf("Replay() with %d repeats = %+v, %v; want %v", repeat, report, err, want)
		}
	}
}

func TestReplayErrors(t *testing.T) {
	pass := fakeXDP(func(pkt []byte) (uint32, []byte) { return 2, pkt })
	closed := fake{ebpf.XDP, func(*bpfx.RunInput) (uint32, []byte, error) { return 0, nil, os.ErrClosed }}
	good := func() *testpkt.PcapReader {
		return capture(t, testpkt.LinkTypeEthernet, testpkt.PcapPacket{Data: make([]byte, 60)}, testpkt.PcapPacket{Data: make([]byte, 13)})
	}
	short := func() *testpkt.PcapReader {
		return capture(t, testpkt.LinkTypeEthernet, testpkt.PcapPacket{Data: make([]byte, 13)})
	}
	link := func(t2 testpkt.LinkType) *testpkt.PcapReader {
		return capture(t, t2, testpkt.PcapPacket{Data: make([]byte, 60)})
	}
	stop := errors.New("stop")
	each := &testpkt.ReplayOptions{Each: func(testpkt.Replayed) error { return stop }}
	for _, tt := range []struct {
		name string
		prog testpkt.Runner
		in   *testpkt.PcapReader
		opts *testpkt.ReplayOptions
		want string
		is   error
	}{
		{"nil program", (*bpfx.Program)(nil), good(), nil, "replay: nil program: load one first", nil},
		{"nil capture", pass, nil, nil, "replay: nil capture: make a PcapReader first", nil},
		{"any", pass, link(testpkt.LinkTypeLinuxSLL2), nil, "replay: LINUX_SLL2 has no Ethernet header (capture on one interface instead of any): unsupported link type", testpkt.ErrLinkType},
		{"wifi", pass, link(105), nil, "replay: 105, want EN10MB or RAW: unsupported link type", testpkt.ErrLinkType},
		{"all refused", pass, short(), nil, "replay: none of 1 packets was run, the first because: 13 bytes: invalid argument", syscall.EINVAL},
		{"closed", closed, good(), nil, "replay: packet 1: file already closed", os.ErrClosed},
		{"stopped", pass, good(), each, "stop", stop},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := testpkt.Replay(tt.prog, tt.in, tt.opts)
			if fmt.Sprint(err) != tt.want || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("Replay() = %v, want %q", err, tt.want)
			}
		})
	}
	r, err := testpkt.NewPcapReader(bytes.NewReader(pcapFiles[0].file[:24+16]))
	if err != nil {
		t.Fatal(err)
	}
	report, err := testpkt.Replay(pass, r, nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) || report == nil || report.Packets != 0 {
		t.Errorf("Replay of a file that is cut off = %+v, %v", report, err)
	}
	if report, err := testpkt.Replay(pass, capture(t, testpkt.LinkTypeEthernet), nil); err != nil || report.Packets != 0 {
		t.Errorf("Replay of nothing = %+v, %v", report, err)
	}
}

// TestReplayReportTime shows what packets take, without those that were refused.
func TestReplayReportTime(t *testing.T) {
	r := testpkt.ReplayReport{Packets: 5, Refused: 1, Verdicts: map[string]int{"XDP_DROP": 4}, Duration: 400 * time.Nanosecond, WhyRefused: syscall.EINVAL, FirstRefused: 3}
	const want = `packets          5
  XDP_DROP       4
  refused        1  the first, packet 3: invalid argument
time per packet  100ns
`
	if d := cmp.Diff(want, r.String()); d != "" {
		t.Errorf("String() (-want +got):\n%s", d)
	}
}

// TestReplayStreams reads a capture that has no end: no packet is read before
// the one before it was replayed, but for what a buffer holds.
func TestReplayStreams(t *testing.T) {
	const size, enough = 1500, 1000
	pass := fakeXDP(func(pkt []byte) (uint32, []byte) { return 2, pkt })
	endless, written := io.Pipe()
	defer endless.Close()
	var read counter
	go func() {
		w, err := testpkt.NewPcapWriter(written, testpkt.LinkTypeEthernet, testpkt.PcapFormat{})
		for err == nil {
			err = w.Write(testpkt.PcapPacket{Data: make([]byte, size)})
		}
	}()
	r, err := testpkt.NewPcapReader(io.TeeReader(endless, &read))
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	report, err := testpkt.Replay(pass, r, &testpkt.ReplayOptions{Each: func(p testpkt.Replayed) error {
		if ahead := int(read) - p.Number*(size+16); ahead > 8192 {
			t.Errorf("at packet %d, %d bytes were read ahead", p.Number, ahead)
		}
		if p.Number == enough {
			return stop
		}
		return nil
	}})
	if !errors.Is(err, stop) || report.Packets != enough {
		t.Errorf("Replay() = %+v, %v", report, err)
	}
}

// counter counts bytes that are written to it.
type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

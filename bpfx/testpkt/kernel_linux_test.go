package testpkt_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/internal/testutil"
)

func mustLoad(t *testing.T, spec *ebpf.ProgramSpec) *bpfx.Program {
	t.Helper()
	p, err := bpfx.Load(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

const (
	xdpDrop = 1
	xdpPass = 2
)

// strict returns an XDP program that lets UDP over IPv4 pass whose lengths are
// all right, and drops everything else. buggy leaves the last check out.
func strict(buggy bool) *ebpf.ProgramSpec {
	insns := asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 0, asm.Word), // data
		asm.LoadMem(asm.R7, asm.R1, 4, asm.Word), // data_end
		asm.Mov.Imm(asm.R0, xdpDrop),
		asm.Mov.Reg(asm.R2, asm.R6),
		asm.Add.Imm(asm.R2, 34),
		asm.JGT.Reg(asm.R2, asm.R7, "out"),
		asm.LoadMem(asm.R2, asm.R6, 12, asm.Half),
		asm.HostTo(asm.BE, asm.R2, asm.Half),
		asm.JNE.Imm(asm.R2, testpkt.EtherTypeIPv4, "out"),
		asm.LoadMem(asm.R2, asm.R6, 14, asm.Byte),
		asm.Mov.Reg(asm.R3, asm.R2),
		asm.RSh.Imm(asm.R3, 4),
		asm.JNE.Imm(asm.R3, 4, "out"),
		asm.And.Imm(asm.R2, 0xf),
		asm.JLT.Imm(asm.R2, 5, "out"),
		asm.LSh.Imm(asm.R2, 2), // length of the IPv4 header
		asm.LoadMem(asm.R3, asm.R6, 23, asm.Byte),
		asm.JNE.Imm(asm.R3, testpkt.ProtocolUDP, "out"),
		asm.LoadMem(asm.R3, asm.R6, 16, asm.Half),
		asm.HostTo(asm.BE, asm.R3, asm.Half), // total length
		asm.Mov.Reg(asm.R4, asm.R7),
		asm.Sub.Reg(asm.R4, asm.R6),
		asm.Sub.Imm(asm.R4, 14),
		asm.JNE.Reg(asm.R3, asm.R4, "out"),
		asm.Mov.Reg(asm.R5, asm.R6),
		asm.Add.Reg(asm.R5, asm.R2),
		asm.Mov.Reg(asm.R8, asm.R5),
		asm.Add.Imm(asm.R8, 14+8),
		asm.JGT.Reg(asm.R8, asm.R7, "out"),
		asm.Sub.Reg(asm.R3, asm.R2), // length of UDP
		asm.LoadMem(asm.R4, asm.R5, 14+4, asm.Half),
		asm.HostTo(asm.BE, asm.R4, asm.Half),
	}
	if !buggy {
		insns = append(insns, asm.JNE.Reg(asm.R3, asm.R4, "out"))
	}
	return bpfx.XDP{}.Spec(append(insns,
		asm.Mov.Imm(asm.R0, xdpPass),
		asm.Return().WithSymbol("out"),
	))
}

// TestTortureKernel tortures a parser that is right and one that isn't.
func TestTortureKernel(t *testing.T) {
	testutil.NeedRoot(t)
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}, testpkt.Payload("hello"))
	right, wrong := mustLoad(t, strict(false)), mustLoad(t, strict(true))

	r, err := testpkt.Torture(right, testpkt.Truncations(pkt), testpkt.LengthLies(pkt))
	if err == nil {
		err = r.Only("XDP_DROP")
	}
	if err != nil {
		t.Errorf("the right parser: %v\n%v", err, r)
	}
	if n := len(r.Refused()); n != 14 {
		t.Errorf("the kernel refused %d variants, want those of less than 14 bytes\n%v", n, r)
	}

	r, err = testpkt.Torture(wrong, testpkt.Truncations(pkt), testpkt.LengthLies(pkt))
	if err != nil {
		t.Fatal(err)
	}
	err = r.Only("XDP_DROP")
	if err == nil || !strings.Contains(err.Error(), "UDP.Length at byte 38: 13 -> 65535: verdict XDP_PASS, want XDP_DROP") || strings.Contains(err.Error(), "TotalLength") {
		t.Errorf("the wrong parser: Only() = %v, want lies about UDP's length", err)
	}

	r, err = testpkt.Torture(right, testpkt.Hostile(pkt))
	if err == nil {
		err = r.Only("XDP_DROP", "XDP_PASS")
	}
	if got := slices.Sorted(maps.Keys(r.Verdicts())); err != nil || len(got) != 2 {
		t.Errorf("%v\n%v", err, r)
	}
}

// TestTortureKernelVerdict finds a program that returns what isn't a verdict
// for packets that it doesn't expect.
func TestTortureKernelVerdict(t *testing.T) {
	testutil.NeedRoot(t)
	prog := mustLoad(t, bpfx.XDP{}.Spec(asm.Instructions{ // the length, below 40
		asm.LoadMem(asm.R2, asm.R1, 0, asm.Word),
		asm.LoadMem(asm.R0, asm.R1, 4, asm.Word),
		asm.Sub.Reg(asm.R0, asm.R2),
		asm.JLT.Imm(asm.R0, 40, "out"),
		asm.Mov.Imm(asm.R0, xdpPass),
		asm.Return().WithSymbol("out"),
	}))
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{})
	_, err := testpkt.Torture(prog, testpkt.Truncations(pkt))
	if err == nil || !strings.HasPrefix(err.Error(), "cut to 14 of 42 bytes, before IPv4: verdict 14, which no XDP program returns\n") || !strings.HasSuffix(err.Error(), "\nand 16 more") {
		t.Errorf("Torture() = %v", err)
	}
}

// TestTortureTC shows what newer kernels refuse to run tc programs over.
func TestTortureTC(t *testing.T) {
	testutil.NeedRoot(t)
	prog := mustLoad(t, bpfx.TCX{}.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}))
	for _, pkt := range [][]byte{
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}),
		testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv6{}, testpkt.TCP{}),
	} {
		r, err := testpkt.Torture(prog, testpkt.Hostile(pkt))
		if err == nil {
			err = r.Only("TC_ACT_OK")
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range r.Outcomes[:len(pkt)] { // truncations come first
			if i < 14 && o.Refused == nil || i >= 54 && o.Refused != nil {
				t.Errorf("%+v", o)
			}
		}
	}
}

// TestReplayKernel replays packets that the kernel refuses, and too large ones.
func TestReplayKernel(t *testing.T) {
	testutil.NeedRoot(t)
	data := [][]byte{make([]byte, 60), make([]byte, 13), make([]byte, 14), make([]byte, 200_000), nil}
	var pkts []testpkt.PcapPacket
	for _, b := range data {
		pkts = append(pkts, testpkt.PcapPacket{Data: b})
	}
	for _, spec := range []*ebpf.ProgramSpec{
		bpfx.XDP{}.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, xdpPass), asm.Return()}),
		bpfx.TCX{}.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}),
	} {
		report, err := testpkt.Replay(mustLoad(t, spec), capture(t, testpkt.LinkTypeEthernet, pkts...), nil)
		if err != nil || report.Packets != 5 || report.Refused < 3 || report.Changed != 0 || len(report.Verdicts) != 1 {
			t.Errorf("%v: %+v, %v; want 3 refused", spec.Type, report, err)
		}
	}
	report, err := testpkt.Replay(mustLoad(t, bpfx.SkLookup{}.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()})), capture(t, testpkt.LinkTypeEthernet, pkts...), nil)
	if err == nil || report.Refused != 5 {
		t.Errorf("sk_lookup: %+v, %v; want an error", report, err)
	}
}

// TestReplayCgroupSKB shows that what never sees the Ethernet header doesn't
// change it.
func TestReplayCgroupSKB(t *testing.T) {
	testutil.NeedRoot(t)
	prog := mustLoad(t, &ebpf.ProgramSpec{Type: ebpf.CGroupSKB, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}})
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{})
	res, err := prog.Run(bpfx.RunInput{Data: pkt})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(res.Data[:14], make([]byte, 14)) {
		t.Errorf("the kernel gives %x, no more zeros: packetLeft has nothing to do", res.Data[:14])
	}
	report, err := testpkt.Replay(prog, capture(t, testpkt.LinkTypeEthernet, testpkt.PcapPacket{Data: pkt}), nil)
	if err != nil || report.Changed != 0 || report.Verdicts["1"] != 1 {
		t.Errorf("%+v, %v; want one that isn't changed", report, err)
	}
}

// TestClosed shows that a program that is closed ends things at once.
func TestClosed(t *testing.T) {
	testutil.NeedRoot(t)
	p, err := bpfx.Load(strict(false), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := testpkt.Torture(p, testpkt.Truncations(make([]byte, 60))); err == nil || errors.Is(err, testpkt.ErrVariants) || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Torture with a closed program = %v", err)
	}
}

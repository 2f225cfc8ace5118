package testpkt_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/internal/testutil"
)

// routerSpec returns an XDP program that takes a hop off an IPv4 packet, mends the
// checksum and sends it on, and drops packets that have no hop left.
func routerSpec() *ebpf.ProgramSpec {
	return bpfx.XDP{}.Spec(asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 0, asm.Word), // data
		asm.LoadMem(asm.R7, asm.R1, 4, asm.Word), // data_end
		asm.Mov.Imm(asm.R0, xdpPass),
		asm.Mov.Reg(asm.R2, asm.R6),
		asm.Add.Imm(asm.R2, 34),
		asm.JGT.Reg(asm.R2, asm.R7, "out"),
		asm.LoadMem(asm.R2, asm.R6, 12, asm.Half),
		asm.HostTo(asm.BE, asm.R2, asm.Half),
		asm.JNE.Imm(asm.R2, testpkt.EtherTypeIPv4, "out"),
		asm.Mov.Imm(asm.R0, xdpDrop),
		asm.LoadMem(asm.R2, asm.R6, 22, asm.Byte),
		asm.JLT.Imm(asm.R2, 2, "out"),
		asm.Sub.Imm(asm.R2, 1),
		asm.StoreMem(asm.R6, 22, asm.R2, asm.Byte),
		asm.LoadMem(asm.R2, asm.R6, 24, asm.Half), // the checksum grows by 0x100
		asm.HostTo(asm.BE, asm.R2, asm.Half),
		asm.Add.Imm(asm.R2, 0x100),
		asm.Mov.Reg(asm.R3, asm.R2),
		asm.RSh.Imm(asm.R3, 16),
		asm.Add.Reg(asm.R2, asm.R3),
		asm.HostTo(asm.BE, asm.R2, asm.Half),
		asm.StoreMem(asm.R6, 24, asm.R2, asm.Half),
		asm.Mov.Imm(asm.R1, 1), // lo
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return().WithSymbol("out"),
	})
}

func TestCheckKernelXDP(t *testing.T) {
	testutil.NeedRoot(t)
	src := netip.MustParseAddr("192.0.2.1")
	packet := func(ttl uint8) []byte {
		return testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{Src: src, TTL: ttl}, testpkt.UDP{}, testpkt.Payload("hello"))
	}
	arp := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.ARP{})
	prog := mustLoad(t, routerSpec())
	err := testpkt.Check(prog, []testpkt.Case{
		{Name: "routed", Packet: packet(64), Verdict: "XDP_REDIRECT", Want: packet(63)},
		{Name: "matched", Packet: packet(2), Verdict: "XDP_REDIRECT", Match: []testpkt.Layer{testpkt.IPv4{TTL: 1, Src: src}, testpkt.UDP{}}},
		{Name: "no hop left", Packet: packet(1), Verdict: "XDP_DROP", Want: packet(1)},
		{Name: "not IPv4", Packet: arp, Verdict: "XDP_PASS", Want: arp},
	})
	if err != nil {
		t.Error(err)
	}
	err = testpkt.Check(prog, []testpkt.Case{{Name: "routed", Packet: packet(64), Verdict: "XDP_PASS", Want: packet(62), Ignore: []string{"*.Checksum"}}})
	const want = `case "routed": Verdict: want XDP_PASS, got XDP_REDIRECT
case "routed": IPv4.TTL: want 62, got 63`
	if err == nil || err.Error() != want {
		t.Errorf("Check() = %v\nwant %s", err, want)
	}
}

// TestCheckKernelTC has a tc program read and write its context.
func TestCheckKernelTC(t *testing.T) {
	testutil.NeedRoot(t)
	prog := mustLoad(t, bpfx.TCX{}.Spec(asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 8, asm.Word), // skb->mark
		asm.Mul.Imm(asm.R2, 6),
		asm.StoreMem(asm.R1, 8, asm.R2, asm.Word),
		asm.LoadMem(asm.R0, asm.R1, 40, asm.Word), // skb->ifindex
		asm.Return(),
	}))
	in := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{})
	marked := func(res bpfx.Result) error {
		var ctx bpfx.SKBContext
		if err := ctx.UnmarshalBinary(res.Context); err != nil {
			return err
		}
		if ctx.Mark != 42 {
			return fmt.Errorf("mark is %d, want 42", ctx.Mark)
		}
		return nil
	}
	lo := loopback(t)
	err := testpkt.Check(prog, []testpkt.Case{
		{Name: "mark", Packet: in, Context: bpfx.SKBContext{Mark: 7, Ifindex: lo}, Verdict: fmt.Sprint(lo), Want: in, Verify: marked},
		{Name: "no mark", Packet: in, Context: bpfx.SKBContext{Ifindex: lo}, Verdict: fmt.Sprint(lo), Verify: marked},
	})
	if want := `case "no mark": mark is 0, want 42`; err == nil || err.Error() != want {
		t.Errorf("Check() = %v, want %s", err, want)
	}
}

// TestCheckKernelTags shows that the outermost tag that a tc program pushes
// isn't in the packet.
func TestCheckKernelTags(t *testing.T) {
	testutil.NeedRoot(t)
	ip := []testpkt.Layer{testpkt.IPv4{}, testpkt.TCP{}}
	in := testpkt.MustBuild(append([]testpkt.Layer{testpkt.Ethernet{}}, ip...)...)
	tagged := testpkt.MustBuild(append([]testpkt.Layer{testpkt.Ethernet{EtherType: testpkt.EtherTypeVLAN}, testpkt.VLAN{ID: 1}}, ip...)...)
	for i, want := range [][]byte{in, in, tagged} {
		insns := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
		for id := range int32(i) {
			insns = append(insns,
				asm.Mov.Reg(asm.R1, asm.R6),
				asm.Mov.Imm(asm.R2, testpkt.EtherTypeVLAN),
				asm.HostTo(asm.BE, asm.R2, asm.Half),
				asm.Mov.Imm(asm.R3, id+1),
				asm.FnSkbVlanPush.Call(),
			)
		}
		prog := mustLoad(t, bpfx.TCX{}.Spec(append(insns, asm.Mov.Imm(asm.R0, 0), asm.Return())))
		err := testpkt.Check(prog, []testpkt.Case{{Name: fmt.Sprint(i, " tags"), Packet: in, Verdict: "TC_ACT_OK", Want: want}})
		if err != nil {
			t.Error(err)
		}
	}
}

func loopback(t *testing.T) uint32 {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	return uint32(lo.Index)
}

// TestCheckKernelLookup checks a program that is given no packet.
func TestCheckKernelLookup(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "5.10", "test runs of sk_lookup programs")
	prog := mustLoad(t, bpfx.SkLookup{}.Spec(asm.Instructions{ // lets port 80 pass
		asm.LoadMem(asm.R1, asm.R1, 60, asm.Word),
		asm.Mov.Imm(asm.R0, 0),
		asm.JNE.Imm(asm.R1, 80, "out"),
		asm.Mov.Imm(asm.R0, 1),
		asm.Return().WithSymbol("out"),
	}))
	to := func(port uint32) bpfx.SKLookupContext {
		return bpfx.SKLookupContext{Family: 2, Protocol: testpkt.ProtocolTCP, LocalPort: port}
	}
	err := testpkt.Check(prog, []testpkt.Case{
		{Name: "web", Context: to(80), Verdict: "SK_PASS"},
		{Name: "ssh", Context: to(22), Verdict: "SK_DROP"},
	})
	if err != nil {
		t.Error(err)
	}
	err = testpkt.Check(prog, []testpkt.Case{
		{Name: "a packet", Packet: make([]byte, 60), Context: to(80), Verdict: "SK_PASS"},
		{Name: "no context", Verdict: "SK_PASS"},
		{Name: "fine", Context: to(22), Verdict: "SK_DROP"},
	})
	var caseErr *testpkt.CaseError
	if !errors.As(err, &caseErr) || caseErr.Case != "a packet" || !strings.Contains(err.Error(), "don't take packet data") || !strings.Contains(err.Error(), `case "no context": SkLookup programs need a Context`) {
		t.Errorf("Check() = %v, want two complaints", err)
	}
}

// TestCheckKernelLimits gives programs packets that the kernel won't run.
func TestCheckKernelLimits(t *testing.T) {
	testutil.NeedRoot(t)
	prog := mustLoad(t, bpfx.TCX{}.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}))
	for _, n := range []int{0, 13, 100_000} {
		err := testpkt.Check(prog, []testpkt.Case{{Name: "limit", Packet: make([]byte, n), Verdict: "TC_ACT_OK"}})
		if err == nil || !strings.HasPrefix(err.Error(), `case "limit": `) {
			t.Errorf("Check() with %d bytes = %v, want an error", n, err)
		}
	}
}

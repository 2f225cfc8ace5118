package bpfx_test

import (
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

func TestRunFlowDissector(t *testing.T) {
	testutil.NeedRoot(t)
	// Fill in what a dissector would: keys->addr_proto, ipv4_src and sport.
	p := mustLoad(t, bpfx.FlowDissector{}.Spec(asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 144, asm.DWord), // skb->flow_keys
		asm.StoreImm(asm.R2, 4, 0x0800, asm.Half),
		asm.Mov.Imm(asm.R3, 0x0a000001),
		asm.HostTo(asm.BE, asm.R3, asm.Word),
		asm.StoreMem(asm.R2, 16, asm.R3, asm.Word),
		asm.Mov.Imm(asm.R3, 12345),
		asm.HostTo(asm.BE, asm.R3, asm.Half),
		asm.StoreMem(asm.R2, 12, asm.R3, asm.Half),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}))
	res := mustRun(t, p, bpfx.RunInput{Data: frame(34)})
	var keys bpfx.FlowKeys
	if err := keys.UnmarshalBinary(res.Data); err != nil {
		t.Fatal(err)
	}
	if src := netip.MustParseAddr("10.0.0.1"); len(res.Data) != 56 || keys.Src() != src || keys.SPort.Uint16() != 12345 || res.Verdict != "BPF_OK" {
		t.Errorf("%d bytes, source %v:%d, %s; want 56, %v:12345, BPF_OK", len(res.Data), keys.Src(), keys.SPort.Uint16(), res.Verdict, src)
	}
}

// TestRunFlowDissectorVerdict shows that verdicts are the same on all kernels,
// though before 6.1 they only say whether it was BPF_OK.
func TestRunFlowDissectorVerdict(t *testing.T) {
	testutil.NeedRoot(t)
	for _, tt := range []struct {
		ret     int32
		verdict string
		old     uint32 // what is told before 6.1
	}{
		{0, "BPF_OK", 0},
		{1, "1", 2}, // to the kernel, which gives it no name, as good as BPF_DROP
		{2, "BPF_DROP", 2},
		{129, "BPF_FLOW_DISSECTOR_CONTINUE", 2},
	} {
		want, verdict := uint32(tt.ret), tt.verdict
		if !testutil.KernelAtLeast(t, "6.1") {
			want, verdict = tt.old, bpfx.Verdict(ebpf.FlowDissector, tt.old)
		}
		p := mustLoad(t, bpfx.FlowDissector{}.Spec(ret(tt.ret)))
		if res := mustRun(t, p, bpfx.RunInput{Data: frame(34)}); res.Return != want || res.Verdict != verdict {
			t.Errorf("program that returns %d: Run() = %+v, want %d, %s", tt.ret, res, want, verdict)
		}
	}
}

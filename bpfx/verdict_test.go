package bpfx_test

import (
	"testing"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		typ  ebpf.ProgramType
		ret  uint32
		want string
	}{
		{ebpf.XDP, 0, "XDP_ABORTED"},
		{ebpf.XDP, 4, "XDP_REDIRECT"},
		{ebpf.XDP, 17, "17"},
		{ebpf.SchedCLS, 0xffffffff, "TC_ACT_UNSPEC"},
		{ebpf.SchedCLS, 2, "TC_ACT_SHOT"},
		{ebpf.SchedACT, 3, "TC_ACT_PIPE"},
		{ebpf.SkLookup, 0, "SK_DROP"},
		{ebpf.SkMsg, 1, "SK_PASS"},
		{ebpf.FlowDissector, 2, "BPF_DROP"},
		{ebpf.FlowDissector, 129, "BPF_FLOW_DISSECTOR_CONTINUE"},
		{ebpf.LWTXmit, 128, "BPF_LWT_REROUTE"},
		{ebpf.Netfilter, 1, "NF_ACCEPT"},
		{ebpf.Kprobe, 1, ""},
		{ebpf.WindowsXDPTest, 1, ""},
	} {
		if got := bpfx.Verdict(tt.typ, tt.ret); got != tt.want {
			t.Errorf("Verdict(%v, %d) = %q, want %q", tt.typ, tt.ret, got, tt.want)
		}
	}
}

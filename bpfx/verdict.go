package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// Names of what programs return, from include/uapi/linux/bpf.h, pkt_cls.h and
// netfilter.h.
var (
	xdpVerdicts = map[uint32]string{0: "XDP_ABORTED", 1: "XDP_DROP", 2: "XDP_PASS", 3: "XDP_TX", 4: "XDP_REDIRECT"}
	tcVerdicts  = map[uint32]string{
		0xffffffff: "TC_ACT_UNSPEC", 0: "TC_ACT_OK", 1: "TC_ACT_RECLASSIFY", 2: "TC_ACT_SHOT", 3: "TC_ACT_PIPE",
		4: "TC_ACT_STOLEN", 5: "TC_ACT_QUEUED", 6: "TC_ACT_REPEAT", 7: "TC_ACT_REDIRECT", 8: "TC_ACT_TRAP",
	}
	skVerdicts  = map[uint32]string{0: "SK_DROP", 1: "SK_PASS"}
	bpfVerdicts = map[uint32]string{0: "BPF_OK", 2: "BPF_DROP", 7: "BPF_REDIRECT", 128: "BPF_LWT_REROUTE"}
)

var verdicts = map[ebpf.ProgramType]map[uint32]string{
	ebpf.XDP:           xdpVerdicts,
	ebpf.SchedCLS:      tcVerdicts,
	ebpf.SchedACT:      tcVerdicts,
	ebpf.SkLookup:      skVerdicts,
	ebpf.SkMsg:         skVerdicts,
	ebpf.SkSKB:         skVerdicts,
	ebpf.SkReuseport:   skVerdicts,
	ebpf.LWTIn:         bpfVerdicts,
	ebpf.LWTOut:        bpfVerdicts,
	ebpf.LWTXmit:       bpfVerdicts,
	ebpf.LWTSeg6Local:  bpfVerdicts,
	ebpf.FlowDissector: {0: "BPF_OK", 2: "BPF_DROP", 129: "BPF_FLOW_DISSECTOR_CONTINUE"},
	ebpf.Netfilter:     {0: "NF_DROP", 1: "NF_ACCEPT"},
}

// Verdict returns the kernel's name for what a program of type typ returned,
// such as XDP_DROP or TC_ACT_OK. For a number that means nothing to the kernel
// it returns the number, in decimal. For types whose result is not a verdict
// it returns "".
func Verdict(typ ebpf.ProgramType, ret uint32) string {
	names, ok := verdicts[typ]
	if !ok {
		return ""
	}
	if name, ok := names[ret]; ok {
		return name
	}
	return fmt.Sprint(ret)
}

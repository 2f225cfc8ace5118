package bpfx

import (
	"strconv"

	"github.com/cilium/ebpf"
)

// verdicts has the names of what programs return, from include/uapi/linux:
// bpf.h, pkt_cls.h and netfilter.h.
var verdicts = [...][]string{
	ebpf.XDP:           {"XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT"},
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
	ebpf.Netfilter:     {"NF_DROP", "NF_ACCEPT"},
}

var (
	tcVerdicts = []string{
		"TC_ACT_OK", "TC_ACT_RECLASSIFY", "TC_ACT_SHOT", "TC_ACT_PIPE", "TC_ACT_STOLEN",
		"TC_ACT_QUEUED", "TC_ACT_REPEAT", "TC_ACT_REDIRECT", "TC_ACT_TRAP",
	}
	skVerdicts  = []string{"SK_DROP", "SK_PASS"}
	bpfVerdicts = []string{0: "BPF_OK", 2: "BPF_DROP", 7: "BPF_REDIRECT", 128: "BPF_LWT_REROUTE"}
)

// Verdict returns the kernel's name for what a program of type typ returned,
// such as XDP_DROP or TC_ACT_OK. For a number that means nothing to the kernel
// it returns the number, in decimal. For types whose result is not a verdict
// it returns "".
func Verdict(typ ebpf.ProgramType, ret uint32) string {
	if uint64(typ) >= uint64(len(verdicts)) || verdicts[typ] == nil {
		return ""
	}
	if names := verdicts[typ]; uint64(ret) < uint64(len(names)) && names[ret] != "" {
		return names[ret]
	}
	if ret == 1<<32-1 && (typ == ebpf.SchedCLS || typ == ebpf.SchedACT) {
		return "TC_ACT_UNSPEC" // -1
	}
	return strconv.FormatUint(uint64(ret), 10)
}

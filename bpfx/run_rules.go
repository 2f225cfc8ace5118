package bpfx

import (
	"fmt"
	"syscall"

	"github.com/cilium/ebpf"
)

// runOption is a set of fields of RunInput.
type runOption uint8

const (
	runData runOption = 1 << iota
	runDataOut
	runContext
	runRepeat
	runCPU
	runLive
	runChecksum
)

// A runRule says what BPF_PROG_TEST_RUN takes for a type of program.
type runRule struct {
	takes      runOption
	minData    int  // bytes; 0 if no data is needed
	minOut     int  // bytes of output that have nothing to do with the input
	contextOut bool // the context is written to a buffer of its own
	inPlace    bool // the context is written back where it came from
}

// skbRule holds for all types that get a struct __sk_buff
// (net/bpf/test_run.c, bpf_prog_test_run_skb).
var skbRule = runRule{takes: runData | runDataOut | runContext | runRepeat | runChecksum, minData: 14, contextOut: true}

// runRules has the types that the kernel can run and whose limits are known.
// Others are left to the kernel.
var runRules = map[ebpf.ProgramType]runRule{
	ebpf.XDP: {takes: runData | runDataOut | runContext | runRepeat | runLive, minData: 14, contextOut: true},

	ebpf.SocketFilter: skbRule,
	ebpf.SchedCLS:     skbRule,
	ebpf.SchedACT:     skbRule,
	ebpf.CGroupSKB:    skbRule,
	ebpf.LWTIn:        skbRule,
	ebpf.LWTOut:       skbRule,
	ebpf.LWTXmit:      skbRule,
	ebpf.LWTSeg6Local: skbRule,

	ebpf.FlowDissector: {takes: runData | runDataOut | runContext | runRepeat, minData: 14, minOut: flowKeysSize, contextOut: true},
	ebpf.Netfilter:     {takes: runData | runContext | runRepeat, minData: 20},
	ebpf.SkLookup:      {takes: runContext | runRepeat, contextOut: true},

	ebpf.RawTracepoint:         {takes: runContext | runCPU},
	ebpf.RawTracepointWritable: {takes: runContext | runCPU},
	ebpf.Syscall:               {takes: runContext, inPlace: true},
	ebpf.Tracing:               {},
}

// maxBatch is the most frames that a batch may have (net/bpf/test_run.c,
// TEST_XDP_MAX_BATCH).
const maxBatch = 256

// checkRun returns an error if in has something that programs of type typ do
// not take, or lacks something that they need.
func checkRun(typ ebpf.ProgramType, in *RunInput) error {
	rule, known := runRules[typ]
	if !known {
		return nil
	}
	for _, opt := range [...]struct {
		bit  runOption
		set  bool
		what string
	}{
		{runData, len(in.Data) > 0, "packet data (Data)"},
		{runDataOut, in.DataOut != nil, "a packet buffer (DataOut)"},
		{runContext, in.Context != nil, "a context (Context)"},
		{runRepeat, in.Repeat != 0, "repetition (Repeat)"},
		{runCPU, in.OnCPU || in.CPU != 0, "a CPU (OnCPU, CPU)"},
		{runLive, in.LiveFrames, "live frames (LiveFrames)"},
		{runLive, in.BatchSize != 0, "batches (BatchSize)"},
		{runChecksum, in.ChecksumComplete, "checksums (ChecksumComplete)"},
	} {
		if opt.set && rule.takes&opt.bit == 0 {
			return fmt.Errorf("%v programs don't take %s: %w", typ, opt.what, syscall.EINVAL)
		}
	}
	switch {
	case len(in.Data) < rule.minData:
		return fmt.Errorf("%v programs need a packet of at least %d bytes, Data has %d: %w", typ, rule.minData, len(in.Data), syscall.EINVAL)
	case typ == ebpf.SkLookup && in.Context == nil:
		return fmt.Errorf("%v programs need a Context, such as SKLookupContext: %w", typ, syscall.EINVAL)
	case in.CPU != 0 && !in.OnCPU:
		return fmt.Errorf("CPU %d without OnCPU, which the kernel would ignore: %w", in.CPU, syscall.EINVAL)
	case in.BatchSize != 0 && !in.LiveFrames:
		return fmt.Errorf("BatchSize without LiveFrames: %w", syscall.EINVAL)
	case in.BatchSize > maxBatch:
		return fmt.Errorf("BatchSize %d is more than %d: %w", in.BatchSize, maxBatch, syscall.E2BIG)
	case in.LiveFrames && in.DataOut != nil:
		return fmt.Errorf("live frames give no output, but DataOut is set: %w", syscall.EINVAL)
	}
	return nil
}

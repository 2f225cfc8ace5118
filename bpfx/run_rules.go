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
	known      bool // false for types that are left to the kernel
	takes      runOption
	minData    int  // bytes; 0 if no data is needed
	minOut     int  // bytes of output that have nothing to do with the input
	contextOut bool // the context is written to a buffer of its own
	inPlace    bool // the context is written back where it came from
}

// skbRule holds for all types that get a struct __sk_buff
// (net/bpf/test_run.c, bpf_prog_test_run_skb).
var skbRule = runRule{known: true, takes: runData | runDataOut | runContext | runRepeat | runChecksum, minData: 14, contextOut: true}

// runRules has the types that the kernel can run and whose limits are known.
// See ruleOf.
var runRules = [...]runRule{
	ebpf.XDP: {known: true, takes: runData | runDataOut | runContext | runRepeat | runLive, minData: 14, contextOut: true},

	ebpf.SocketFilter: skbRule,
	ebpf.SchedCLS:     skbRule,
	ebpf.SchedACT:     skbRule,
	ebpf.CGroupSKB:    skbRule,
	ebpf.LWTIn:        skbRule,
	ebpf.LWTOut:       skbRule,
	ebpf.LWTXmit:      skbRule,
	ebpf.LWTSeg6Local: skbRule,

	ebpf.FlowDissector: {known: true, takes: runData | runDataOut | runContext | runRepeat, minData: 14, minOut: flowKeysSize, contextOut: true},
	ebpf.Netfilter:     {known: true, takes: runData | runContext | runRepeat, minData: 20},
	ebpf.SkLookup:      {known: true, takes: runContext | runRepeat, contextOut: true},

	ebpf.RawTracepoint:         {known: true, takes: runContext | runCPU},
	ebpf.RawTracepointWritable: {known: true, takes: runContext | runCPU},
	ebpf.Syscall:               {known: true, takes: runContext, inPlace: true},
	ebpf.Tracing:               {known: true},
}

// unknownRule takes everything and asks for all output there can be.
var unknownRule = runRule{takes: ^runOption(0), contextOut: true}

// ruleOf returns the rule for a type of program.
func ruleOf(typ ebpf.ProgramType) *runRule {
	if uint64(typ) < uint64(len(runRules)) && runRules[typ].known {
		return &runRules[typ]
	}
	return &unknownRule
}

// maxBatch is the most frames that a batch may have (net/bpf/test_run.c,
// TEST_XDP_MAX_BATCH).
const maxBatch = 256

// options returns which options are set.
func (in *RunInput) options() (set runOption) {
	if len(in.Data) > 0 {
		set |= runData
	}
	if in.DataOut != nil {
		set |= runDataOut
	}
	if in.Context != nil {
		set |= runContext
	}
	if in.Repeat != 0 {
		set |= runRepeat
	}
	if in.OnCPU || in.CPU != 0 {
		set |= runCPU
	}
	if in.LiveFrames || in.BatchSize != 0 {
		set |= runLive
	}
	if in.ChecksumComplete {
		set |= runChecksum
	}
	return set
}

// String returns the first option of the set, for errors.
func (o runOption) String() string {
	for _, opt := range [...]struct {
		bit  runOption
		name string
	}{
		{runData, "packet data (Data)"},
		{runDataOut, "a packet buffer (DataOut)"},
		{runContext, "a context (Context)"},
		{runRepeat, "repetition (Repeat)"},
		{runCPU, "a CPU (OnCPU, CPU)"},
		{runLive, "live frames (LiveFrames, BatchSize)"},
		{runChecksum, "checksums (ChecksumComplete)"},
	} {
		if o&opt.bit != 0 {
			return opt.name
		}
	}
	return "options"
}

// check returns an error if in has something that programs of type typ, which
// r is the rule of, do not take, or lacks something that they need.
func (r *runRule) check(typ ebpf.ProgramType, in *RunInput) error {
	switch refused := in.options() &^ r.takes; {
	case refused != 0:
		return fmt.Errorf("%v programs don't take %v: %w", typ, refused, syscall.EINVAL)
	case len(in.Data) < r.minData:
		return fmt.Errorf("%v programs need a packet of at least %d bytes, Data has %d: %w", typ, r.minData, len(in.Data), syscall.EINVAL)
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

package main

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
)

// kinds are the places that can be traced: what stands before the first slash,
// and what programs they take.
var kinds = []struct {
	prefix string
	usage  string
	typ    ebpf.ProgramType
	attach ebpf.AttachType
}{
	{"fentry", "fentry/FUNCTION", ebpf.Tracing, ebpf.AttachTraceFEntry},
	{"fexit", "fexit/FUNCTION", ebpf.Tracing, ebpf.AttachTraceFExit},
	{"kprobe", "kprobe/FUNCTION[+OFFSET]", ebpf.Kprobe, ebpf.AttachNone},
	{"kretprobe", "kretprobe/FUNCTION", ebpf.Kprobe, ebpf.AttachNone},
	{"kprobe.multi", "kprobe.multi/PATTERN", ebpf.Kprobe, ebpf.AttachTraceKprobeMulti},
	{"kretprobe.multi", "kretprobe.multi/PATTERN", ebpf.Kprobe, ebpf.AttachTraceKprobeMulti},
	{"ksyscall", "ksyscall/SYSTEM CALL", ebpf.Kprobe, ebpf.AttachNone},
	{"kretsyscall", "kretsyscall/SYSTEM CALL", ebpf.Kprobe, ebpf.AttachNone},
	{"uprobe", "uprobe/FILE:FUNCTION[+OFFSET]", ebpf.Kprobe, ebpf.AttachNone},
	{"uretprobe", "uretprobe/FILE:FUNCTION", ebpf.Kprobe, ebpf.AttachNone},
	{"uprobe.multi", "uprobe.multi/FILE:PATTERN", ebpf.Kprobe, ebpf.AttachTraceUprobeMulti},
	{"tracepoint", "tracepoint/GROUP/NAME", ebpf.TracePoint, ebpf.AttachNone},
	{"tp", "tp/GROUP/NAME", ebpf.TracePoint, ebpf.AttachNone},
	{"raw_tp", "raw_tp/NAME", ebpf.RawTracepoint, ebpf.AttachNone},
	{"tp_btf", "tp_btf/NAME", ebpf.Tracing, ebpf.AttachTraceRawTp},
	{"lsm", "lsm/HOOK", ebpf.LSM, ebpf.AttachLSMMac},
}

// The maps that programs write to.
const (
	eventsMap = "events"
	countsMap = "counts"
)

// event is what a program tells of one visit.
type event struct {
	TID, PID uint32
	Comm     [16]byte
	Place    uint32 // index of the arguments
	_        uint32
}

// count is what a program counts. What is lost is counted, but not printed: the
// ring buffer was full.
type count struct{ Events, Lost uint64 }

// collection returns a program for each place, and the maps that they share.
func collection(places []string, filter bpfx.Filter) (*ebpf.CollectionSpec, error) {
	programs := make([]*ebpf.ProgramSpec, len(places))
	for i, place := range places {
		var err error
		if programs[i], err = program(i, place); err != nil {
			return nil, err
		}
	}
	self, err := bpfx.InitialPID()
	if err != nil {
		return nil, err
	}
	spec := &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			eventsMap: {Name: eventsMap, Type: ebpf.RingBuf, MaxEntries: 1 << 20},
			countsMap: {Name: countsMap, Type: ebpf.Array, KeySize: 4, ValueSize: 16, MaxEntries: uint32(len(places))},
		},
		Programs: make(map[string]*ebpf.ProgramSpec),
	}
	for i, p := range programs {
		p.Instructions = visit(i, self, neutral(p.Type, p.AttachType))
		if filter.PID != 0 {
			if p, err = filter.Apply(p); err != nil {
				return nil, fmt.Errorf("%s: %w", places[i], err)
			}
		}
		spec.Programs[p.Name] = p
	}
	return spec, nil
}

// program returns the program of a place, which has no instructions yet.
func program(i int, place string) (*ebpf.ProgramSpec, error) {
	prefix, target, _ := strings.Cut(place, "/")
	var known []string
	for _, k := range kinds {
		if k.prefix == prefix {
			return &ebpf.ProgramSpec{
				Name: fmt.Sprintf("trace_%02d", i), SectionName: place,
				Type: k.typ, AttachType: k.attach, AttachTo: target,
				License: "GPL",
			}, nil
		}
		known = append(known, k.prefix)
	}
	return nil, fmt.Errorf("%s: no place starts with %q; it may be one of %s", place, prefix, strings.Join(known, ", "))
}

// neutral returns what a program returns so as to change nothing: 0 from one on
// a perf event keeps the event from others who trace it
// (kernel/trace/bpf_trace.c, trace_call_bpf).
func neutral(typ ebpf.ProgramType, attach ebpf.AttachType) int32 {
	if typ == ebpf.TracePoint || typ == ebpf.Kprobe && attach == ebpf.AttachNone {
		return 1
	}
	return 0
}

// visit returns instructions that count a visit to a place and tell of it,
// unless it is by the process self, and return ret.
func visit(place, self int, ret int32) asm.Instructions {
	const (
		at    = -32     // the event is on the stack from here on
		comm  = at + 8  // event.Comm
		index = at + 24 // event.Place
		lost  = 8       // count.Lost
	)
	return asm.Instructions{
		asm.FnGetCurrentPidTgid.Call(),
		asm.StoreMem(asm.RFP, at, asm.R0, asm.DWord),
		asm.RSh.Imm(asm.R0, 32),
		asm.JEq.Imm(asm.R0, int32(self), "exit"),
		asm.StoreImm(asm.RFP, index, int64(place), asm.Word),
		asm.StoreImm(asm.RFP, index+4, 0, asm.Word),

		asm.LoadMapPtr(asm.R1, 0).WithReference(countsMap),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, index),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.Mov.Reg(asm.R6, asm.R0),
		asm.Mov.Imm(asm.R7, 1),
		asm.AddAtomic.Mem(asm.R6, asm.R7, asm.DWord, 0),

		asm.Mov.Reg(asm.R1, asm.RFP),
		asm.Add.Imm(asm.R1, comm),
		asm.Mov.Imm(asm.R2, 16),
		asm.FnGetCurrentComm.Call(),
		asm.LoadMapPtr(asm.R1, 0).WithReference(eventsMap),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, at),
		asm.Mov.Imm(asm.R3, -at),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnRingbufOutput.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.AddAtomic.Mem(asm.R6, asm.R7, asm.DWord, lost),

		asm.Mov.Imm(asm.R0, ret).WithSymbol("exit"),
		asm.Return(),
	}
}

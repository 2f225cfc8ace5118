package bpfx_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

func TestRunRefuses(t *testing.T) {
	testutil.NeedRoot(t)
	xdp := xdpSpec(2)
	tc := &ebpf.ProgramSpec{Type: ebpf.SchedCLS, Instructions: ret(0), License: "GPL"}
	lookup := bpfx.SkLookup{}.Spec(ret(1))
	rawtp := bpfx.RawTracepoint{}.Spec(ret(0))
	kprobe := bpfx.Kprobe{}.Spec(ret(0))
	msg := bpfx.SkMsg{}.Spec(ret(1))
	second := bpfx.RawTracepoint{}.Spec(asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 8, asm.DWord), asm.Return()})
	for _, tt := range []struct {
		name string
		spec *ebpf.ProgramSpec
		in   bpfx.RunInput
		want string
		is   error
	}{
		{"xdp no packet", xdp, bpfx.RunInput{}, "XDP programs need a packet of at least 14 bytes, Data has 0", unix.EINVAL},
		{"xdp short packet", xdp, bpfx.RunInput{Data: frame(13)}, "at least 14 bytes, Data has 13", unix.EINVAL},
		{"xdp CPU", xdp, bpfx.RunInput{Data: frame(14), OnCPU: true}, "don't take a CPU", unix.EINVAL},
		{"xdp checksum", xdp, bpfx.RunInput{Data: frame(14), ChecksumComplete: true}, "ChecksumComplete", unix.EINVAL},
		{"xdp batch", xdp, bpfx.RunInput{Data: frame(14), BatchSize: 4}, "BatchSize without LiveFrames", unix.EINVAL},
		{"xdp large batch", xdp, bpfx.RunInput{Data: frame(14), BatchSize: 257, LiveFrames: true}, "BatchSize 257 is more than 256", unix.E2BIG},
		{"xdp live output", xdp, bpfx.RunInput{Data: frame(14), LiveFrames: true, DataOut: make([]byte, 9)}, "DataOut", unix.EINVAL},
		{"xdp context type", xdp, bpfx.RunInput{Data: frame(14), Context: "text"}, "string has no fixed size", unix.EINVAL},
		{"tc short packet", tc, bpfx.RunInput{Data: frame(5)}, "at least 14 bytes, Data has 5", unix.EINVAL},
		{"tc live", tc, bpfx.RunInput{Data: frame(64), LiveFrames: true}, "LiveFrames", unix.EINVAL},
		{"tc read-only", tc, bpfx.RunInput{Data: frame(64), Context: bpfx.SKBContext{QueueMapping: 1}}, "QueueMapping is read-only", unix.EINVAL},
		{"tc wire length", tc, bpfx.RunInput{Data: frame(64), Context: bpfx.SKBContext{WireLen: 49}}, "WireLen (49) is less than the packet has (64)", unix.EINVAL},
		{"tc large wire length", tc, bpfx.RunInput{Data: frame(64), Context: bpfx.SKBContext{WireLen: 65537}}, "WireLen (65537) is above 65536", unix.EINVAL},
		{"tc segments", tc, bpfx.RunInput{Data: frame(64), Context: bpfx.SKBContext{GSOSegs: 65536}}, "GSOSegs (65536) is above 65535", unix.EINVAL},
		{"tc interface", tc, bpfx.RunInput{Data: frame(64), Context: bpfx.SKBContext{Ifindex: 1 << 20}}, "interface that doesn't exist", unix.ENODEV},
		{"sk_lookup packet", lookup, bpfx.RunInput{Data: frame(64)}, "SkLookup programs don't take packet data (Data)", unix.EINVAL},
		{"sk_lookup no context", lookup, bpfx.RunInput{}, "need a Context, such as SKLookupContext", unix.EINVAL},
		{"raw_tp packet", rawtp, bpfx.RunInput{Data: frame(64)}, "don't take packet data (Data)", unix.EINVAL},
		{"raw_tp repeat", rawtp, bpfx.RunInput{Repeat: 1}, "don't take repetition (Repeat)", unix.EINVAL},
		{"raw_tp arguments", second, bpfx.RunInput{Context: bpfx.RawTracepointArgs{1}}, "reads more than the 8 bytes that Context has", unix.EINVAL},
		{"raw_tp no arguments", second, bpfx.RunInput{}, "reads more than the 0 bytes that Context has", unix.EINVAL},
		{"raw_tp many arguments", rawtp, bpfx.RunInput{Context: make(bpfx.RawTracepointArgs, 13)}, "Context has 104 bytes, which can be 96 at most", unix.EINVAL},
		{"raw_tp CPU", rawtp, bpfx.RunInput{CPU: 1}, "CPU 1 without OnCPU", unix.EINVAL},
		{"kprobe", kprobe, bpfx.RunInput{}, "can't test-run this type", ebpf.ErrNotSupported},
		{"sk_msg", msg, bpfx.RunInput{}, "can't test-run this type", ebpf.ErrNotSupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := bpfx.Load(tt.spec, nil)
			if errors.Is(err, unix.EINVAL) && tt.spec == kprobe {
				testutil.SkipIfNotSupported(t, ebpf.ErrNotSupported, "kprobe", "4.1", "CONFIG_BPF_EVENTS")
			}
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			res, err := p.Run(tt.in)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.Is(err, tt.is) {
				t.Errorf("Run() = %+v, %v; want %q, %v", res, err, tt.want, tt.is)
			}
		})
	}
}

func TestRunRefusesIterators(t *testing.T) {
	testutil.NeedRoot(t)
	_, err := mustLoad(t, iterSpec()).Run(bpfx.RunInput{})
	if !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("Run of an iterator = %v, want ErrNotSupported", err)
	}
}

func TestRunXDPContextRefuses(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "5.15", "XDP contexts")
	p := mustLoad(t, xdpSpec(2))
	for _, tt := range []struct {
		name string
		ctx  bpfx.XDPContext
		want string
	}{
		{"metadata", bpfx.XDPContext{Data: 3, DataEnd: 64}, "3 bytes, not a multiple of 4"},
		{"order", bpfx.XDPContext{Data: 64, DataEnd: 32}, "Data (64) is behind its DataEnd (32)"},
		{"end", bpfx.XDPContext{DataEnd: 65}, "DataEnd (65) is behind the end of the packet (64)"},
		{"DataMeta", bpfx.XDPContext{DataEnd: 64, DataMeta: 1}, "DataMeta must be 0"},
		{"egress", bpfx.XDPContext{DataEnd: 64, EgressIfindex: 1}, "EgressIfindex must be 0"},
		{"queue", bpfx.XDPContext{DataEnd: 64, RxQueueIndex: 1}, "RxQueueIndex needs an IngressIfindex"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := p.Run(bpfx.RunInput{Data: frame(64), Context: tt.ctx})
			if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run() = %v, want EINVAL with %q", err, tt.want)
			}
		})
	}
}

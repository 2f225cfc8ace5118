package bpfx_test

import (
	"encoding/binary"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testprogs"
	"github.com/bpfx/go/internal/testutil"
)

// frame is an Ethernet frame of n bytes whose EtherType means nothing.
func frame(n int) []byte {
	b := make([]byte, n)
	if n >= 14 {
		binary.BigEndian.PutUint16(b[12:], 0x88b5) // for experiments, IEEE 802
	}
	return b
}

func mustRun(tb testing.TB, p *bpfx.Program, in bpfx.RunInput) bpfx.Result {
	tb.Helper()
	res, err := p.Run(in)
	if err != nil {
		tb.Fatal(err)
	}
	return res
}

func TestRunXDP(t *testing.T) {
	testutil.NeedRoot(t)
	p := mustLoad(t, xdpSpec(1))
	in := frame(64)
	res := mustRun(t, p, bpfx.RunInput{Data: in})
	if res.Return != 1 || res.Verdict != "XDP_DROP" || string(res.Data) != string(in) || res.Context != nil || res.Runs != 1 {
		t.Errorf("Run() = %+v, want XDP_DROP and the packet as it was", res)
	}
	res = mustRun(t, p, bpfx.RunInput{Data: in, Repeat: 1000})
	if res.Runs != 1000 || res.Duration <= 0 {
		t.Errorf("1000 runs: Runs = %d, Duration = %v", res.Runs, res.Duration)
	}
}

func TestRunReusesDataOut(t *testing.T) {
	testutil.NeedRoot(t)
	p := mustLoad(t, xdpSpec(2))
	in := bpfx.RunInput{Data: frame(64), DataOut: make([]byte, 0, 512)}
	res := mustRun(t, p, in)
	if &res.Data[0] != &in.DataOut[:1][0] {
		t.Error("Data is not a part of DataOut")
	}
	if n := testing.AllocsPerRun(100, func() { mustRun(t, p, in) }); n != 0 {
		t.Errorf("Run with DataOut: %v allocations, want 0", n)
	}
}

func TestRunContextAllocations(t *testing.T) {
	testutil.NeedRoot(t)
	p := mustLoad(t, &ebpf.ProgramSpec{Type: ebpf.SchedCLS, Instructions: ret(0), License: "GPL"})
	in := bpfx.RunInput{Data: frame(64), DataOut: make([]byte, 512), Context: &bpfx.SKBContext{Mark: 1}}
	if n := testing.AllocsPerRun(100, func() { mustRun(t, p, in) }); n > 1 {
		t.Errorf("Run with DataOut and Context: %v allocations, want at most 1", n)
	}
}

// TestRunGrows gives less room than the output needs.
func TestRunGrows(t *testing.T) {
	testutil.NeedRoot(t)
	p := mustLoad(t, xdpSpec(2))
	for _, tt := range []struct {
		name    string
		in, out int
		since   string
	}{
		{"linear", 1000, 10, "4.12"},
		{"fragments", 9000, 4000, "5.18"}, // the kernel doesn't tell the size
		{"many fragments", 70000, 1, "5.18"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testutil.NeedKernel(t, tt.since, "XDP packets of several pages")
			in := frame(tt.in)
			res := mustRun(t, p, bpfx.RunInput{Data: in, DataOut: make([]byte, tt.out)})
			if string(res.Data) != string(in) {
				t.Errorf("Data has %d bytes, want the %d of the input", len(res.Data), len(in))
			}
		})
	}
}

func TestRunTC(t *testing.T) {
	testutil.NeedRoot(t)
	spec, err := testprogs.LoadTestprogs()
	if err != nil {
		t.Fatal(err)
	}
	p := mustLoad(t, spec.Programs["mark"])
	res := mustRun(t, p, bpfx.RunInput{Data: frame(64), Context: bpfx.SKBContext{Priority: 7}})
	var skb bpfx.SKBContext
	if err := skb.UnmarshalBinary(res.Context); err != nil {
		t.Fatal(err)
	}
	if res.Verdict != "TC_ACT_OK" || skb.Mark != 42 || skb.Priority != 7 {
		t.Errorf("verdict %s, mark %d, priority %d; want TC_ACT_OK, 42, 7", res.Verdict, skb.Mark, skb.Priority)
	}
}

func TestRunXDPContext(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "5.15", "XDP contexts")
	p := mustLoad(t, xdpSpec(2))
	// 8 bytes of metadata, then the packet.
	res := mustRun(t, p, bpfx.RunInput{Data: frame(72), Context: &bpfx.XDPContext{Data: 8, DataEnd: 72}})
	var ctx bpfx.XDPContext
	if err := ctx.UnmarshalBinary(res.Context); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bpfx.XDPContext{Data: 8, DataEnd: 72}, ctx); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
}

func TestRunSkLookup(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "5.13", "test runs of sk_lookup")
	// Return whether the remote port is 4096.
	p := mustLoad(t, bpfx.SkLookup{}.Spec(asm.Instructions{
		asm.LoadMem(asm.R1, asm.R1, 36, asm.Half), // remote_port
		asm.HostTo(asm.BE, asm.R1, asm.Half),
		asm.Mov.Imm(asm.R0, 0),
		asm.JNE.Imm(asm.R1, 4096, "exit"),
		asm.Mov.Imm(asm.R0, 1),
		asm.Return().WithSymbol("exit"),
	}))
	ctx := bpfx.SKLookupContext{
		Family:    unix.AF_INET,
		Protocol:  unix.IPPROTO_TCP,
		RemoteIP4: [4]byte{192, 0, 2, 1}, RemotePort: bpfx.NewBE16(4096),
		LocalIP4: [4]byte{192, 0, 2, 2}, LocalPort: 80,
	}
	if res := mustRun(t, p, bpfx.RunInput{Context: ctx, Repeat: 3}); res.Verdict != "SK_PASS" || res.Runs != 3 {
		t.Errorf("Run() = %+v, want SK_PASS", res)
	}
	ctx.RemotePort = bpfx.NewBE16(80)
	if res := mustRun(t, p, bpfx.RunInput{Context: &ctx}); res.Verdict != "SK_DROP" {
		t.Errorf("Run() = %+v, want SK_DROP", res)
	}
	_, err := p.Run(bpfx.RunInput{Context: bpfx.SKLookupContext{}})
	if !errors.Is(err, unix.EAFNOSUPPORT) || !strings.Contains(err.Error(), "Family") {
		t.Errorf("Run without a family = %v, want EAFNOSUPPORT that names Family", err)
	}
}

func TestRunRawTracepoint(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "5.10", "test runs of raw tracepoints")
	// Return the second argument plus the CPU.
	p := mustLoad(t, bpfx.RawTracepoint{}.Spec(asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 8, asm.DWord),
		asm.FnGetSmpProcessorId.Call(),
		asm.Add.Reg(asm.R0, asm.R6),
		asm.Return(),
	}))
	last := uint32(runtime.NumCPU() - 1)
	res := mustRun(t, p, bpfx.RunInput{Context: bpfx.RawTracepointArgs{1, 4200}, OnCPU: true, CPU: last})
	if res.Return != 4200+last || res.Verdict != "" {
		t.Errorf("Run() = %+v, want %d", res, 4200+last)
	}
	_, err := p.Run(bpfx.RunInput{Context: bpfx.RawTracepointArgs{1, 2}, OnCPU: true, CPU: 1 << 20})
	if !errors.Is(err, unix.ENXIO) || !strings.Contains(err.Error(), "CPU 1048576") {
		t.Errorf("Run on a CPU that isn't there = %v", err)
	}
}

func TestRunSyscall(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "5.14", "syscall programs")
	p := mustLoad(t, &ebpf.ProgramSpec{
		Type: ebpf.Syscall, Flags: unix.BPF_F_SLEEPABLE, License: "GPL",
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R2, 9),
			asm.StoreMem(asm.R1, 4, asm.R2, asm.Word),
			asm.Mov.Imm(asm.R0, 5),
			asm.Return(),
		},
	})
	in := [2]uint32{1, 2}
	res := mustRun(t, p, bpfx.RunInput{Context: in})
	if got := binary.NativeEndian.Uint32(res.Context[4:]); res.Return != 5 || got != 9 || in[1] != 2 {
		t.Errorf("Return = %d, context = %d, input = %v; want 5, 9, unchanged", res.Return, got, in)
	}
}

func TestRunLiveFrames(t *testing.T) {
	testutil.Netns(t)
	testutil.NeedKernel(t, "5.18", "live frames")
	runs := newCounter(t)
	p := mustLoad(t, bpfx.XDP{}.Spec(runs.program(1)))
	ctx := bpfx.XDPContext{DataEnd: 64, IngressIfindex: uint32(loopback(t))}
	res := mustRun(t, p, bpfx.RunInput{Data: frame(64), Context: ctx, LiveFrames: true, Repeat: 100, BatchSize: 10})
	if n := runs.count(); n != 100 || res.Verdict != "" || res.Data != nil {
		t.Errorf("%d runs, %+v; want 100 and no output", n, res)
	}
}

func TestRunRefuses(t *testing.T) {
	testutil.NeedRoot(t)
	xdp := xdpSpec(2)
	tc := &ebpf.ProgramSpec{Type: ebpf.SchedCLS, Instructions: ret(0), License: "GPL"}
	lookup := bpfx.SkLookup{}.Spec(ret(1))
	rawtp := bpfx.RawTracepoint{}.Spec(ret(0))
	kprobe := bpfx.Kprobe{}.Spec(ret(0))
	msg := bpfx.SkMsg{}.Spec(ret(1))
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
		{"tc interface", tc, bpfx.RunInput{Data: frame(64), Context: bpfx.SKBContext{Ifindex: 1 << 20}}, "interface that doesn't exist", unix.ENODEV},
		{"sk_lookup packet", lookup, bpfx.RunInput{Data: frame(64)}, "SkLookup programs don't take packet data (Data)", unix.EINVAL},
		{"sk_lookup no context", lookup, bpfx.RunInput{}, "need a Context, such as SKLookupContext", unix.EINVAL},
		{"raw_tp packet", rawtp, bpfx.RunInput{Data: frame(64)}, "don't take packet data (Data)", unix.EINVAL},
		{"raw_tp repeat", rawtp, bpfx.RunInput{Repeat: 1}, "don't take repetition (Repeat)", unix.EINVAL},
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

// TestRunInterrupted sends signals to the thread that runs a program.
func TestRunInterrupted(t *testing.T) {
	testutil.NeedRoot(t)
	p := mustLoad(t, xdpSpec(1))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGUSR1)
	defer signal.Stop(signals)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := unix.Gettid()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				// Errors can only mean that the thread is gone.
				_ = unix.Tgkill(unix.Getpid(), tid, unix.SIGUSR1)
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	for range 2000 {
		if res := mustRun(t, p, bpfx.RunInput{Data: frame(64)}); res.Return != 1 {
			t.Fatalf("Return = %d, want 1: an interrupted run was taken for a result", res.Return)
		}
	}
}

// TestRunAndClose closes programs while they run. With -race it also shows
// that the descriptor is not read while it is closed.
func TestRunAndClose(t *testing.T) {
	testutil.NeedRoot(t)
	for range 20 {
		p := mustLoad(t, xdpSpec(2))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					res, err := p.Run(bpfx.RunInput{Data: frame(64)})
					if errors.Is(err, os.ErrClosed) {
						return
					}
					if err != nil || res.Return != 2 {
						t.Errorf("Run() = %+v, %v", res, err)
						return
					}
				}
			})
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}

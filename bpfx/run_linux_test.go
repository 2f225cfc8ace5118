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
	ctx.LocalPort = 65536
	if _, err := p.Run(bpfx.RunInput{Context: ctx}); !errors.Is(err, unix.ERANGE) || !strings.Contains(err.Error(), "LocalPort") {
		t.Errorf("Run with a large port = %v, want ERANGE that names LocalPort", err)
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

// TestRunLiveFrames counts frames while signals come that the Go runtime sends:
// a run that they interrupt would start anew, with frames that went already.
func TestRunLiveFrames(t *testing.T) {
	testutil.Netns(t)
	testutil.NeedKernel(t, "5.18", "live frames")
	ctx := bpfx.XDPContext{DataEnd: 64, IngressIfindex: uint32(loopback(t))}
	for _, sig := range []unix.Signal{unix.SIGURG, unix.SIGPROF} {
		runs := newCounter(t)
		p := mustLoad(t, bpfx.XDP{}.Spec(runs.program(1)))
		stop := pester(t, sig)
		res := mustRun(t, p, bpfx.RunInput{Data: frame(64), Context: ctx, LiveFrames: true, Repeat: 1000, BatchSize: 10})
		stop()
		if n := runs.count(); n != 1000 || res.Verdict != "" || res.Data != nil {
			t.Errorf("%v: %d runs, %+v; want 1000 and no output", sig, n, res)
		}
	}
}

func TestRunNetfilter(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "6.4", "netfilter programs")
	p, err := bpfx.Load(bpfx.Netfilter{}.Spec(ret(1)), nil)
	testutil.SkipIfNotSupported(t, err, "netfilter", "6.4", "CONFIG_NETFILTER_BPF_LINK")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if res := mustRun(t, p, bpfx.RunInput{Data: make([]byte, 20), Repeat: 2}); res.Verdict != "NF_ACCEPT" || res.Data != nil || res.Context != nil {
		t.Errorf("Run() = %+v, want NF_ACCEPT without output", res)
	}
	// struct nf_hook_state: the hook, the family, and pointers, which must be 0.
	preRouting := append([]byte{unix.NF_INET_PRE_ROUTING, unix.NFPROTO_IPV4}, make([]byte, 46)...)
	ipv4 := frame(34)
	ipv4[12], ipv4[13] = 0x08, 0
	if res := mustRun(t, p, bpfx.RunInput{Data: ipv4, Context: preRouting}); res.Verdict != "NF_ACCEPT" || res.Context != nil {
		t.Errorf("Run() = %+v, want NF_ACCEPT without output", res)
	}
	for _, tt := range []struct {
		in   bpfx.RunInput
		want string
		is   error
	}{
		{bpfx.RunInput{Data: make([]byte, 19)}, "at least 20 bytes, Data has 19", unix.EINVAL},
		{bpfx.RunInput{Data: frame(34), Context: preRouting}, "EtherType must be that of IPv4 or IPv6", unix.EPROTO},
		{bpfx.RunInput{Data: ipv4[:33], Context: preRouting}, "IPv4, which this kernel wants in 34 bytes and more, the packet has 33", unix.EINVAL},
	} {
		if _, err := p.Run(tt.in); !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Run() = %v, want %v, %q", err, tt.is, tt.want)
		}
	}
}

// TestRunInterrupted sends signals to the thread that runs a program.
func TestRunInterrupted(t *testing.T) {
	testutil.NeedRoot(t)
	p := mustLoad(t, xdpSpec(1))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGUSR1)
	defer signal.Stop(signals)
	defer pester(t, unix.SIGUSR1)()
	for range 2000 {
		if res := mustRun(t, p, bpfx.RunInput{Data: frame(64)}); res.Return != 1 {
			t.Fatalf("Return = %d, want 1: an interrupted run was taken for a result", res.Return)
		}
	}
}

// pester sends a signal to the thread of the caller, time and again, until the
// function that it returns is called.
func pester(t *testing.T, sig unix.Signal) (stop func()) {
	t.Helper()
	runtime.LockOSThread()
	tid := unix.Gettid()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				// Errors can only mean that the thread is gone.
				_ = unix.Tgkill(unix.Getpid(), tid, sig)
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
		runtime.UnlockOSThread()
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

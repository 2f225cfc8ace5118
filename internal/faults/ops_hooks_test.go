//go:build linux && (amd64 || arm64)

package faults

import (
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// hook is a Hook that knows what spec a program for it has.
type hook interface {
	bpfx.Hook
	Spec(asm.Instructions) *ebpf.ProgramSpec
}

// A hookOp attaches a program by WithAttached and has it run.
type hookOp struct {
	op
	hook func(*env) hook
	fire func(*env) error // nil if the program is not expected to run
	ret  int32            // what the program returns: it must not get in the way of fire
}

// hookOps makes operations of hooks.
func hookOps(hooks []hookOp) []op {
	list := make([]op, len(hooks))
	for i, h := range hooks {
		list[i] = h.op
		list[i].run = func(e *env) error { return e.withAttached(h.hook(e), h.ret, h.fire) }
	}
	return list
}

func (e *env) withAttached(h hook, ret int32, fire func(*env) error) error {
	spec := h.Spec(e.counting(ret))
	spec.Name = "faults"
	return bpfx.WithAttached(spec, h, func(p *bpfx.Program, a *bpfx.Attachment) error {
		if !p.Attached() || a.String() != h.String() {
			return want("attachment", a.String(), h.String())
		}
		if fire == nil {
			return nil
		}
		return e.mustRun(fire)
	})
}

var netHooks = []hookOp{
	{op: op{name: "xdp", since: "5.9"}, ret: 2, fire: sendUDP,
		hook: func(*env) hook { return bpfx.XDP{Interface: "lo"} }},
	{op: op{name: "tcx", since: "6.6", configs: []string{"CONFIG_NET_XGRESS"}}, ret: -1, fire: sendUDP,
		hook: func(*env) hook { return bpfx.TCX{Interface: "lo", Anchor: bpfx.Head()} }},
	{op: op{name: "netfilter", since: "6.4", configs: []string{"CONFIG_NETFILTER_BPF_LINK"}}, ret: 1, fire: sendUDP,
		hook: func(*env) hook { return bpfx.Netfilter{Hook: bpfx.NetfilterLocalIn} }},
	{op: op{name: "sk_lookup", since: "5.9"}, ret: 1, fire: sendUDP,
		hook: func(*env) hook { return bpfx.SkLookup{} }},
	{op: op{name: "flow_dissector", since: "5.7"},
		hook: func(*env) hook {
			return bpfx.FlowDissector{Netns: bpfx.Netns{Path: "/proc/thread-self/ns/net"}}
		}},
}

var cgroupHooks = []hookOp{
	{op: op{name: "cgroup_skb", since: "5.7"}, ret: 1, fire: sendUDP,
		hook: func(e *env) hook {
			return bpfx.Cgroup{Path: e.Cgroup, AttachType: ebpf.AttachCGroupInetEgress}
		}},
	{op: op{name: "cgroup/connect4", since: "5.7"}, ret: 1, fire: sendUDP,
		hook: func(e *env) hook {
			return bpfx.Cgroup{Path: e.Cgroup, AttachType: ebpf.AttachCGroupInet4Connect}
		}},
}

// What kernels need to be built with.
var (
	kprobes = []string{"CONFIG_KPROBES", "CONFIG_KPROBE_EVENTS"}
	fprobe  = []string{"CONFIG_FPROBE"}
	uprobes = []string{"CONFIG_UPROBE_EVENTS"}
)

var traceHooks = []hookOp{
	{op: op{name: "tracepoint", since: "4.7"}, fire: fork,
		hook: func(*env) hook { return bpfx.Tracepoint{Group: "sched", Name: "sched_process_fork"} }},
	{op: op{name: "raw_tracepoint", since: "4.17"}, fire: fork,
		hook: func(*env) hook { return bpfx.RawTracepoint{Name: "sched_process_fork"} }},
	{op: op{name: "tp_btf", since: "5.5"}, fire: fork,
		hook: func(*env) hook { return bpfx.BTFTracepoint{Name: "sched_process_fork"} }},
	{op: op{name: "kprobe", since: "4.1", configs: kprobes}, fire: sendUDP,
		hook: func(*env) hook { return bpfx.Kprobe{Symbol: "inet_dgram_connect"} }},
	{op: op{name: "kretprobe", since: "4.1", configs: kprobes}, fire: sendUDP,
		hook: func(*env) hook { return bpfx.Kretprobe{Symbol: "inet_dgram_connect"} }},
	{op: op{name: "kretprobe through tracefs", since: "4.1", configs: kprobes}, fire: sendUDP,
		hook: func(*env) hook { return bpfx.Kretprobe{Symbol: "inet_dgram_connect", MaxActive: 8} }},
	{op: op{name: "uprobe", since: "4.17"}, fire: callProbe,
		hook: func(e *env) hook { return e.uprobe() }},
	{op: op{name: "uretprobe of a process", since: "4.17"}, fire: callProbe,
		hook: func(e *env) hook {
			h := e.uprobe()
			h.PID = os.Getpid()
			return bpfx.Uretprobe(h)
		}},
	{op: op{name: "fentry", since: "5.5", refusable: true}, fire: sendUDP,
		hook: func(*env) hook { return bpfx.Fentry{Func: "inet_dgram_connect"} }},
	{op: op{name: "fexit", since: "5.5", refusable: true}, fire: sendUDP,
		hook: func(*env) hook { return bpfx.Fexit{Func: "inet_dgram_connect"} }},
	{op: op{name: "fmod_ret", since: "5.7", refusable: true}, fire: sendUDP,
		hook: func(*env) hook { return bpfx.FmodRet{Func: "security_socket_connect"} }},
	{op: op{name: "lsm", since: "5.7", refusable: true, configs: []string{"CONFIG_BPF_LSM"}}, fire: sendUDP,
		hook: func(*env) hook { return bpfx.LSM{Hook: "socket_connect"} }},
}

var multiHooks = []hookOp{
	{op: op{name: "kprobe.multi", since: "5.18", configs: fprobe}, fire: sendUDP,
		hook: func(*env) hook {
			return bpfx.KprobeMulti{Symbols: []string{"inet_dgram_connect", "inet_stream_connect"}, Cookies: []uint64{1, 2}}
		}},
	{op: op{name: "kretprobe.multi by pattern", since: "5.18", configs: fprobe, slow: true}, fire: sendUDP,
		hook: func(*env) hook { return bpfx.KretprobeMulti{Pattern: "inet_dgram_c*"} }},
	{op: op{name: "kprobe.session", since: "6.10", configs: fprobe}, fire: sendUDP,
		hook: func(*env) hook { return bpfx.KprobeSession{Symbols: []string{"inet_dgram_connect"}} }},
	{op: op{name: "uprobe.multi", since: "6.6", configs: uprobes}, fire: callProbe,
		hook: func(e *env) hook { return e.uprobeMulti() }},
	{op: op{name: "uretprobe.multi of a process", since: "6.6", configs: uprobes}, fire: callProbe,
		hook: func(e *env) hook {
			h := e.uprobeMulti()
			h.PID = os.Getpid()
			return bpfx.UretprobeMulti(h)
		}},
}

var perfHooks = []hookOp{
	{op: op{name: "perf_event on all CPUs", since: "4.9"},
		hook: func(*env) hook { return bpfx.PerfEvent{Frequency: 10} }},
	{op: op{name: "perf_event of a process", since: "4.9"}, fire: faultPage,
		hook: func(*env) hook {
			return bpfx.PerfEvent{Counter: bpfx.PerfPageFaults, Period: 1, PID: os.Getpid()}
		}},
}

func (e *env) uprobe() bpfx.Uprobe {
	return bpfx.Uprobe{Path: e.Probe.Path, Symbol: e.Probe.Symbol, Address: e.Probe.Address}
}

func (e *env) uprobeMulti() bpfx.UprobeMulti {
	h := bpfx.UprobeMulti{Path: e.Probe.Path, Cookies: []uint64{7}}
	if e.Probe.Symbol != "" {
		h.Symbols = []string{e.Probe.Symbol}
	} else {
		h.Addresses = []uint64{e.Probe.Address}
	}
	return h
}

func callProbe(*env) error {
	testutil.ProbeTarget()
	return nil
}

// faultPage touches memory that it never touched before.
func faultPage(*env) error {
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	page[0] = 1
	return unix.Munmap(page)
}

// xdpFunc is the type of a global function of an XDP program.
func xdpFunc(name string) *btf.Func {
	return &btf.Func{Name: name, Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
		Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed},
		Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: &btf.Struct{Name: "xdp_md"}}}},
	}}
}

package bpfx_test

import (
	"os"
	"testing"

	"github.com/bpfx/go/bpfx"
)

// What kernels need to be built with.
var (
	kprobes = []string{"CONFIG_KPROBES", "CONFIG_KPROBE_EVENTS"}
	fprobe  = []string{"CONFIG_FPROBE"}
	uprobes = []string{"CONFIG_UPROBE_EVENTS"}
)

// traceTests are the hooks that trace kernel and user programs.
var traceTests = []hookTest{
	{
		name: "tracepoint", since: "4.7", links: "5.15",
		hook: func(testing.TB) hook { return bpfx.Tracepoint{Group: "sched", Name: "sched_process_fork"} },
		fire: fork,
	},
	{
		name: "raw_tracepoint", since: "4.17", links: "5.7",
		hook: func(testing.TB) hook { return bpfx.RawTracepoint{Name: "sched_process_fork"} },
		fire: fork,
	},
	{
		name: "kprobe", since: "4.1", links: "5.15", configs: kprobes,
		hook: func(testing.TB) hook { return bpfx.Kprobe{Symbol: "inet_dgram_connect"} },
		fire: sendUDP,
	},
	{
		name: "kprobe of a system call", since: "4.1", links: "5.15", configs: kprobes,
		hook: func(testing.TB) hook { return bpfx.Kprobe{Symbol: "sys_getpgid"} },
		fire: getpgid,
	},
	{
		name: "kretprobe", since: "4.1", links: "5.15", configs: kprobes,
		hook: func(testing.TB) hook { return bpfx.Kretprobe{Symbol: "inet_dgram_connect"} },
		fire: sendUDP,
	},
	{
		name: "kretprobe through tracefs", since: "4.1", links: "5.15", configs: kprobes,
		hook: func(testing.TB) hook { return bpfx.Kretprobe{Symbol: "inet_dgram_connect", MaxActive: 8} },
		fire: sendUDP,
	},
	{
		name: "uprobe", since: "4.17", links: "5.15",
		hook: func(tb testing.TB) hook { return probe(tb) },
		fire: callProbe,
	},
	{
		name: "uprobe of a process", since: "4.17", links: "5.15",
		hook: func(tb testing.TB) hook {
			h := probe(tb)
			h.PID = os.Getpid()
			return h
		},
		fire: callProbe,
	},
	{
		name: "uretprobe", since: "4.17", links: "5.15",
		hook: func(tb testing.TB) hook { return bpfx.Uretprobe(probe(tb)) },
		fire: callProbe,
	},
	{
		name: "fentry", since: "5.5", links: "5.7", once: "5.13",
		hook: func(testing.TB) hook { return bpfx.Fentry{Func: "inet_dgram_connect"} },
		fire: sendUDP,
	},
	{
		name: "fexit", since: "5.5", links: "5.7", once: "5.13",
		hook: func(testing.TB) hook { return bpfx.Fexit{Func: "inet_dgram_connect"} },
		fire: sendUDP,
	},
	{
		name: "tp_btf", since: "5.5", links: "5.7",
		hook: func(testing.TB) hook { return bpfx.BTFTracepoint{Name: "sched_process_fork"} },
		fire: fork,
	},
	{
		name: "fmod_ret", since: "5.7", links: "5.7", once: "5.13",
		hook: func(testing.TB) hook { return bpfx.FmodRet{Func: "security_socket_connect"} },
		fire: sendUDP,
	},
	{
		name: "lsm", since: "5.7", links: "5.7", once: "5.13", configs: []string{"CONFIG_BPF_LSM"},
		hook: func(testing.TB) hook { return bpfx.LSM{Hook: "socket_connect"} },
		fire: sendUDP,
	},
	{
		name: "freplace", since: "5.10", links: "5.10",
		hook: func(tb testing.TB) hook { return replaceable(tb) },
		fire: runReplaceable, ret: 2,
	},
}

// multiTests are the hooks that attach to many functions at once.
var multiTests = []hookTest{
	{
		name: "kprobe.multi", since: "5.18", links: "5.18", configs: fprobe,
		hook: func(testing.TB) hook {
			return bpfx.KprobeMulti{Symbols: []string{"inet_dgram_connect", "inet_stream_connect"}, Cookies: []uint64{1, 2}}
		},
		fire: sendUDP,
	},
	{
		name: "kprobe.multi by pattern", since: "5.18", links: "5.18", configs: fprobe,
		hook: func(testing.TB) hook { return bpfx.KprobeMulti{Pattern: "inet_*_connect"} },
		fire: sendUDP,
	},
	{
		name: "kretprobe.multi", since: "5.18", links: "5.18", configs: fprobe,
		hook: func(testing.TB) hook { return bpfx.KretprobeMulti{Symbols: []string{"inet_dgram_connect"}} },
		fire: sendUDP,
	},
	{
		name: "kprobe.session", since: "6.10", links: "6.10", configs: fprobe,
		hook: func(testing.TB) hook { return bpfx.KprobeSession{Symbols: []string{"inet_dgram_connect"}} },
		fire: sendUDP,
	},
	{
		name: "uprobe.multi", since: "6.6", links: "6.6", configs: uprobes,
		hook: func(tb testing.TB) hook { return multiProbe(tb) },
		fire: callProbe,
	},
	{
		name: "uprobe.multi of a process", since: "6.6", links: "6.6", configs: uprobes,
		hook: func(tb testing.TB) hook {
			h := multiProbe(tb)
			h.PID = os.Getpid()
			return h
		},
		fire: callProbe,
	},
	{
		name: "uretprobe.multi", since: "6.6", links: "6.6", configs: uprobes,
		hook: func(tb testing.TB) hook { return bpfx.UretprobeMulti(multiProbe(tb)) },
		fire: callProbe,
	},
}

// perfTests are the ways to sample.
var perfTests = []hookTest{
	{
		name: "perf_event", since: "4.9", links: "5.15",
		hook: func(testing.TB) hook { return bpfx.PerfEvent{CPUs: []int{0}, Frequency: 1000} },
		fire: burn,
	},
	{
		name: "perf_event on all CPUs", since: "4.9", links: oneCPU("5.15"),
		hook: func(testing.TB) hook { return bpfx.PerfEvent{Period: 1e6} },
		fire: burn,
	},
	{
		name: "perf_event of a process", since: "4.9", links: "never",
		hook: func(testing.TB) hook {
			return bpfx.PerfEvent{Counter: bpfx.PerfPageFaults, Period: 1, PID: os.Getpid()}
		},
		fire: faultPage,
	},
	{
		name: "perf_event by number", since: "4.9", links: "5.15",
		hook: func(testing.TB) hook { return bpfx.PerfEvent{Raw: &bpfx.PerfRaw{Type: 1}, CPUs: []int{0}} },
		fire: burn,
	},
}

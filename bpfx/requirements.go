package bpfx

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// requirement is what a hook or a type of program needs of the kernel.
type requirement struct {
	// kind is the first word that the hook prints; "" if the row is about
	// programs only.
	kind string
	// typ and attach are the programs that can't be loaded without; no type
	// if the row is about the hook only. No attach types: all.
	typ    ebpf.ProgramType
	attach []ebpf.AttachType
	// since is the first version of Linux that has it. It is only named once
	// the kernel was seen not to have it: distributions add features to old
	// kernels.
	since string
	// configs are the options without any of which it can't work.
	configs []string
	// btf says that it needs the kernel's BTF.
	btf bool
}

// Options that several rows have.
var (
	kprobeConfigs = []string{"CONFIG_KPROBES", "CONFIG_KPROBE_EVENTS", "CONFIG_BPF_EVENTS"}
	uprobeConfigs = []string{"CONFIG_UPROBES", "CONFIG_UPROBE_EVENTS", "CONFIG_BPF_EVENTS"}
	tracePoints   = []string{"CONFIG_TRACEPOINTS", "CONFIG_BPF_EVENTS"}
	fprobe        = []string{"CONFIG_FPROBE", "CONFIG_BPF_EVENTS"}
	trampoline    = []string{"CONFIG_DEBUG_INFO_BTF", "CONFIG_BPF_EVENTS", "CONFIG_BPF_JIT", "CONFIG_FUNCTION_TRACER", "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"}
	cgroupBPF     = []string{"CONFIG_CGROUP_BPF"}
	sockmapConfig = []string{"CONFIG_NET_SOCK_MSG"}
	parserConfig  = []string{"CONFIG_NET_SOCK_MSG", "CONFIG_BPF_STREAM_PARSER"}
)

// requirements are looked up from the top: the first row that fits counts.
// Where the facts are from: kernel/bpf/Kconfig, kernel/trace/Kconfig,
// net/Kconfig and include/linux/bpf_types.h of Linux.
var requirements = []requirement{
	{kind: "kprobe.multi", typ: ebpf.Kprobe, attach: []ebpf.AttachType{ebpf.AttachTraceKprobeMulti}, since: "5.18", configs: fprobe},
	{kind: "kretprobe.multi", typ: ebpf.Kprobe, attach: []ebpf.AttachType{ebpf.AttachTraceKprobeMulti}, since: "5.18", configs: fprobe},
	{kind: "kprobe.session", typ: ebpf.Kprobe, attach: []ebpf.AttachType{ebpf.AttachTraceKprobeSession}, since: "6.10", configs: fprobe},
	{kind: "uprobe.multi", typ: ebpf.Kprobe, attach: []ebpf.AttachType{ebpf.AttachTraceUprobeMulti}, since: "6.6", configs: uprobeConfigs},
	{kind: "uretprobe.multi", typ: ebpf.Kprobe, attach: []ebpf.AttachType{ebpf.AttachTraceUprobeMulti}, since: "6.6", configs: uprobeConfigs},
	{kind: "kprobe", since: "4.1", configs: kprobeConfigs},
	{kind: "kretprobe", since: "4.1", configs: kprobeConfigs},
	{kind: "uprobe", since: "4.17", configs: uprobeConfigs},
	{kind: "uretprobe", since: "4.17", configs: uprobeConfigs},
	{typ: ebpf.Kprobe, since: "4.1", configs: []string{"CONFIG_BPF_EVENTS"}},

	{kind: "tracepoint", typ: ebpf.TracePoint, since: "4.7", configs: tracePoints},
	{kind: "raw_tracepoint", typ: ebpf.RawTracepoint, since: "4.17", configs: tracePoints},
	{typ: ebpf.RawTracepointWritable, since: "5.2", configs: tracePoints},
	{kind: "perf_event", typ: ebpf.PerfEvent, since: "4.9", configs: []string{"CONFIG_PERF_EVENTS", "CONFIG_BPF_EVENTS"}},
	{kind: "tp_btf", typ: ebpf.Tracing, attach: []ebpf.AttachType{ebpf.AttachTraceRawTp}, since: "5.5", configs: append([]string{"CONFIG_DEBUG_INFO_BTF"}, tracePoints...), btf: true},
	{kind: "fentry", typ: ebpf.Tracing, attach: []ebpf.AttachType{ebpf.AttachTraceFEntry}, since: "5.5", configs: trampoline, btf: true},
	{kind: "fexit", typ: ebpf.Tracing, attach: []ebpf.AttachType{ebpf.AttachTraceFExit}, since: "5.5", configs: trampoline, btf: true},
	{kind: "fmod_ret", typ: ebpf.Tracing, attach: []ebpf.AttachType{ebpf.AttachModifyReturn}, since: "5.7", configs: trampoline, btf: true},
	{kind: "iter", typ: ebpf.Tracing, attach: []ebpf.AttachType{ebpf.AttachTraceIter}, since: "5.8", configs: []string{"CONFIG_DEBUG_INFO_BTF", "CONFIG_BPF_EVENTS"}, btf: true},
	{kind: "freplace", typ: ebpf.Extension, since: "5.6", configs: []string{"CONFIG_DEBUG_INFO_BTF", "CONFIG_BPF_JIT"}},
	{kind: "lsm_cgroup", typ: ebpf.LSM, attach: []ebpf.AttachType{ebpf.AttachLSMCgroup}, since: "6.0", configs: []string{"CONFIG_BPF_LSM", "CONFIG_CGROUP_BPF"}, btf: true},
	{kind: "lsm", typ: ebpf.LSM, since: "5.7", configs: []string{"CONFIG_BPF_LSM"}, btf: true},
	{typ: ebpf.StructOps, since: "5.6", configs: []string{"CONFIG_BPF_JIT", "CONFIG_DEBUG_INFO_BTF"}, btf: true},

	{kind: "xdp", typ: ebpf.XDP, since: "5.9", configs: []string{"CONFIG_NET"}},
	{kind: "tcx", typ: ebpf.SchedCLS, attach: []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress}, since: "6.6", configs: []string{"CONFIG_NET_XGRESS"}},
	{kind: "netkit", typ: ebpf.SchedCLS, attach: []ebpf.AttachType{ebpf.AttachNetkitPrimary, ebpf.AttachNetkitPeer}, since: "6.7", configs: []string{"CONFIG_NETKIT"}},
	{kind: "netfilter", typ: ebpf.Netfilter, since: "6.4", configs: []string{"CONFIG_NETFILTER_BPF_LINK"}},
	{kind: "sk_lookup", typ: ebpf.SkLookup, since: "5.9", configs: []string{"CONFIG_NET", "CONFIG_INET"}},
	{kind: "flow_dissector", typ: ebpf.FlowDissector, since: "5.7", configs: []string{"CONFIG_NET"}},
	{kind: "sk_msg", typ: ebpf.SkMsg, since: "4.17", configs: sockmapConfig},
	{kind: "sk_skb/stream_parser", typ: ebpf.SkSKB, attach: []ebpf.AttachType{ebpf.AttachSkSKBStreamParser}, since: "4.14", configs: parserConfig},
	{kind: "sk_skb/verdict", typ: ebpf.SkSKB, attach: []ebpf.AttachType{ebpf.AttachSkSKBVerdict}, since: "5.13", configs: sockmapConfig},
	{kind: "sk_skb/stream_verdict", typ: ebpf.SkSKB, since: "4.14", configs: sockmapConfig},
	{typ: ebpf.SkReuseport, since: "4.19", configs: []string{"CONFIG_INET"}},

	{typ: ebpf.CGroupSockAddr, since: "6.7", configs: cgroupBPF, attach: []ebpf.AttachType{
		ebpf.AttachCgroupUnixConnect, ebpf.AttachCgroupUnixSendmsg, ebpf.AttachCgroupUnixRecvmsg,
		ebpf.AttachCgroupUnixGetpeername, ebpf.AttachCgroupUnixGetsockname,
	}},
	{typ: ebpf.CGroupSockAddr, since: "5.8", configs: cgroupBPF, attach: []ebpf.AttachType{
		ebpf.AttachCgroupInet4GetPeername, ebpf.AttachCgroupInet6GetPeername,
		ebpf.AttachCgroupInet4GetSockname, ebpf.AttachCgroupInet6GetSockname,
	}},
	{typ: ebpf.CGroupSockAddr, since: "5.2", configs: cgroupBPF, attach: []ebpf.AttachType{ebpf.AttachCGroupUDP4Recvmsg, ebpf.AttachCGroupUDP6Recvmsg}},
	{typ: ebpf.CGroupSockAddr, since: "4.18", configs: cgroupBPF, attach: []ebpf.AttachType{ebpf.AttachCGroupUDP4Sendmsg, ebpf.AttachCGroupUDP6Sendmsg}},
	{typ: ebpf.CGroupSockAddr, since: "4.17", configs: cgroupBPF, attach: []ebpf.AttachType{
		ebpf.AttachCGroupInet4Bind, ebpf.AttachCGroupInet6Bind, ebpf.AttachCGroupInet4Connect, ebpf.AttachCGroupInet6Connect,
	}},
	{typ: ebpf.CGroupSock, since: "5.9", configs: cgroupBPF, attach: []ebpf.AttachType{ebpf.AttachCgroupInetSockRelease}},
	{typ: ebpf.CGroupSock, since: "4.17", configs: cgroupBPF, attach: []ebpf.AttachType{ebpf.AttachCGroupInet4PostBind, ebpf.AttachCGroupInet6PostBind}},
	{typ: ebpf.CGroupSock, since: "4.10", configs: cgroupBPF, attach: []ebpf.AttachType{ebpf.AttachNone, ebpf.AttachCGroupInetSockCreate}},
	{typ: ebpf.CGroupSockopt, since: "5.3", configs: cgroupBPF, attach: []ebpf.AttachType{ebpf.AttachCGroupGetsockopt, ebpf.AttachCGroupSetsockopt}},
	{typ: ebpf.CGroupSKB, since: "4.10", configs: cgroupBPF, attach: []ebpf.AttachType{ebpf.AttachCGroupInetIngress, ebpf.AttachCGroupInetEgress}},
	{typ: ebpf.SockOps, since: "4.13", configs: cgroupBPF, attach: []ebpf.AttachType{ebpf.AttachNone, ebpf.AttachCGroupSockOps}},
	{typ: ebpf.CGroupDevice, since: "4.15", configs: cgroupBPF, attach: []ebpf.AttachType{ebpf.AttachNone, ebpf.AttachCGroupDevice}},
	{typ: ebpf.CGroupSysctl, since: "5.2", configs: append([]string{"CONFIG_SYSCTL"}, cgroupBPF...), attach: []ebpf.AttachType{ebpf.AttachNone, ebpf.AttachCGroupSysctl}},
	{kind: "cgroup", since: "4.10", configs: cgroupBPF},
	{typ: ebpf.Syscall, since: "5.14"},
}

// requirementOfHook returns the row of a hook, by its kind or what that has
// before a slash, as "cgroup" of "cgroup/connect4"; nil if there is none.
func requirementOfHook(kind string) *requirement {
	family, _, _ := strings.Cut(kind, "/")
	for _, k := range []string{kind, family} {
		i := slices.IndexFunc(requirements, func(r requirement) bool { return r.kind == k })
		if k != "" && i >= 0 {
			return &requirements[i]
		}
	}
	return nil
}

// requirementOfProgram returns the row of a type of program; nil if there is
// none.
func requirementOfProgram(typ ebpf.ProgramType, attach ebpf.AttachType) *requirement {
	i := slices.IndexFunc(requirements, func(r requirement) bool {
		return r.typ == typ && (len(r.attach) == 0 || slices.Contains(r.attach, attach))
	})
	if typ == ebpf.UnspecifiedProgram || i < 0 {
		return nil
	}
	return &requirements[i]
}

package bpfx

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// attachTraceUprobeSession is BPF_TRACE_UPROBE_SESSION of
// include/uapi/linux/bpf.h, which cilium/ebpf has no name for. Linux 6.13.
const attachTraceUprobeSession = ebpf.AttachType(57)

// neutral returns what a program of this type returns so that everything goes
// on as if it weren't attached, or an error that says why there is no such
// value or why a process means nothing to the type.
//
// Where the verifier restricts what programs return (kernel/bpf/verifier.c,
// check_return_code), all of these are in range.
func neutral(typ ebpf.ProgramType, attach ebpf.AttachType) (int32, error) {
	switch typ {
	case ebpf.UnspecifiedProgram:
		return 0, errors.New("unspecified program type")

	// 0 keeps the event from all users of the same perf event
	// (kernel/trace/bpf_trace.c, trace_call_bpf: all programs are run, and the
	// lowest bits of what they return ANDed; kernel/events/core.c,
	// perf_trace_run_bpf_submit and bpf_overflow_handler;
	// kernel/trace/trace_kprobe.c, kprobe_perf_func; kernel/trace/trace_uprobe.c,
	// __uprobe_perf_func).
	case ebpf.TracePoint, ebpf.PerfEvent:
		return 1, nil

	// Ignored (kernel/trace/bpf_trace.c, __bpf_trace_run).
	case ebpf.RawTracepoint, ebpf.RawTracepointWritable:
		return 0, nil

	case ebpf.Kprobe:
		switch attach {
		case ebpf.AttachNone, ebpf.AttachPerfEvent:
			return 1, nil // as above
		case ebpf.AttachTraceKprobeMulti, ebpf.AttachTraceUprobeMulti:
			// Ignored by the kernels of today. To the first ones, of 6.6 and later,
			// 1 from a uprobe.multi program means to remove the probe from the process
			// (kernel/trace/bpf_trace.c, uprobe_multi_link_handler;
			// kernel/events/uprobes.c, handler_chain, UPROBE_HANDLER_REMOVE).
			return 0, nil
		case ebpf.AttachTraceKprobeSession, attachTraceUprobeSession:
			// 1 where the function starts: don't run where it returns
			// (kernel/trace/bpf_trace.c, kprobe_multi_link_handler and
			// uprobe_multi_link_handler). Ignored where it returns.
			return 1, nil
		}

	case ebpf.Tracing:
		switch attach {
		case ebpf.AttachTraceRawTp, // ignored, as for RawTracepoint
			ebpf.AttachTraceFEntry, ebpf.AttachTraceFExit, // must be 0
			ebpf.AttachModifyReturn: // 0 runs the function (arch/x86/net/bpf_jit_comp.c, invoke_bpf_mod_ret)
			return 0, nil
		case ebpf.AttachTraceIter:
			return 0, errors.New("an iterator runs in the process that reads from it")
		}

	case ebpf.LSM:
		if attach == ebpf.AttachLSMMac { // cilium/ebpf can't load programs of the other kind, for cgroups
			return 0, nil // run like fmod_ret; 0 goes on to the hook's own default (kernel/bpf/bpf_lsm.c)
		}

	// 1 allows (kernel/bpf/cgroup.c, bpf_prog_run_array_cg). 2 and 3 say more
	// about binding.
	case ebpf.CGroupSock, ebpf.CGroupSockAddr, ebpf.CGroupDevice, ebpf.CGroupSysctl:
		return 1, nil

	default:
		return 0, fmt.Errorf("%v: %s", typ, whyNoFilter(typ))
	}
	return 0, fmt.Errorf("%v programs with attach type %v are not known, nor what it means to be neutral there", typ, attach)
}

// whyNoFilter says why programs of a type can't be filtered.
func whyNoFilter(typ ebpf.ProgramType) string {
	switch typ {
	case ebpf.CGroupSockopt:
		// max_optlen in kernel/bpf/cgroup.c, __cgroup_bpf_run_filter_setsockopt
		// and __cgroup_bpf_run_filter_getsockopt.
		return "none of what it returns is neutral: older kernels fail socket options larger than a page unless the program deals with them"
	case ebpf.StructOps:
		return "the kernel relies on what it does, whichever process runs"
	case ebpf.Extension:
		return "it stands in for a function of another program; filter that program"
	case ebpf.Syscall:
		return "it runs in the process that calls it"
	case ebpf.LircMode2:
		return "it runs for an infrared signal, not for a process"
	case ebpf.SocketFilter, ebpf.SchedCLS, ebpf.SchedACT, ebpf.XDP, ebpf.CGroupSKB, ebpf.LWTIn, ebpf.LWTOut, ebpf.LWTXmit,
		ebpf.LWTSeg6Local, ebpf.SockOps, ebpf.SkSKB, ebpf.SkMsg, ebpf.SkReuseport, ebpf.FlowDissector, ebpf.SkLookup, ebpf.Netfilter:
		return "it runs for a packet or a connection, not for a process, and none of what it may return is neutral"
	}
	return "programs of this type are not known"
}

package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/netns"
)

// hook is a row of the table.
type hook struct {
	name    string // as the test of the hook is called
	network bool   // it is in a network namespace
	ret     int32  // what the program returns: as if it weren't there
	target  func(*bench) (specHook, error)
}

// specHook is a hook that knows what program it takes.
type specHook interface {
	bpfx.Hook
	Spec(asm.Instructions) *ebpf.ProgramSpec
}

// trivial returns a program that does nothing but return n.
func trivial(n int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, n), asm.Return()}
}

// Values that let things take their course.
const (
	xdpPass    = 2  // XDP_PASS
	tcNext     = -1 // TCX_NEXT and NETKIT_NEXT
	nfAccept   = 1  // NF_ACCEPT
	skPass     = 1  // SK_PASS
	cgPermit   = 1
	perfGoesOn = 1 // 0 would keep the event from others who trace it
	neutral    = 0
)

// Where to trace: a function that is only called by test runs of BPF programs
// (net/bpf/test_run.c), and one that asks security modules about reading the
// kernel log.
const (
	idleFunc     = "bpf_fentry_test1"
	securityFunc = "security_syslog"
	securityHook = "syslog"
	tracepoint   = "sched_process_fork"
)

// hooks returns all rows.
func hooks() []hook {
	fixed := func(h specHook) func(*bench) (specHook, error) {
		return func(*bench) (specHook, error) { return h, nil }
	}
	all := []hook{
		{"xdp", true, xdpPass, fixed(bpfx.XDP{Interface: "lo"})},
		{"xdp generic by index", true, xdpPass, fixed(bpfx.XDP{Interface: "lo", Mode: bpfx.XDPGeneric})},
		{"tcx/ingress", true, tcNext, fixed(bpfx.TCX{Interface: "lo"})},
		{"tcx/egress", true, tcNext, fixed(bpfx.TCX{Interface: "lo", Direction: bpfx.TCXEgress})},
		{"netkit/primary", true, tcNext, netkit(bpfx.NetkitPrimary)},
		{"netkit/peer", true, tcNext, netkit(bpfx.NetkitPeer)},
		{"netfilter", true, nfAccept, fixed(bpfx.Netfilter{Hook: bpfx.NetfilterLocalIn})},
		{"sk_lookup", true, skPass, fixed(bpfx.SkLookup{})},
		{"flow_dissector", true, neutral, fixed(bpfx.FlowDissector{})},
		{"sk_msg", false, skPass, func(b *bench) (specHook, error) {
			m, err := b.sockmap()
			return bpfx.SkMsg{Map: m}, err
		}},
	}
	for _, kind := range []bpfx.SkSkbKind{bpfx.SkSkbStreamVerdict, bpfx.SkSkbStreamParser, bpfx.SkSkbVerdict} {
		all = append(all, hook{fmt.Sprintf("sk_skb %v", kind), false, skPass, func(b *bench) (specHook, error) {
			m, err := b.sockmap()
			return bpfx.SkSkb{Map: m, Kind: kind}, err
		}})
	}
	all = append(all, cgroupHooks()...)
	for _, h := range []struct {
		name string
		ret  int32
		hook specHook
	}{
		{"tracepoint", perfGoesOn, bpfx.Tracepoint{Group: "sched", Name: tracepoint}},
		{"raw_tracepoint", neutral, bpfx.RawTracepoint{Name: tracepoint}},
		{"tp_btf", neutral, bpfx.BTFTracepoint{Name: tracepoint}},
		{"kprobe", perfGoesOn, bpfx.Kprobe{Symbol: idleFunc}},
		{"kretprobe", perfGoesOn, bpfx.Kretprobe{Symbol: idleFunc}},
		{"kprobe.multi", neutral, bpfx.KprobeMulti{Symbols: []string{idleFunc}}},
		{"kretprobe.multi", neutral, bpfx.KretprobeMulti{Symbols: []string{idleFunc}}},
		{"kprobe.session", neutral, bpfx.KprobeSession{Symbols: []string{idleFunc}}},
		{"fentry", neutral, bpfx.Fentry{Func: idleFunc}},
		{"fexit", neutral, bpfx.Fexit{Func: idleFunc}},
		{"fmod_ret", neutral, bpfx.FmodRet{Func: securityFunc}},
		{"lsm", neutral, bpfx.LSM{Hook: securityHook}},
		{"perf_event", perfGoesOn, bpfx.PerfEvent{CPUs: []int{0}, Frequency: 1}},
	} {
		all = append(all, hook{h.name, false, h.ret, fixed(h.hook)})
	}
	all = append(all, uprobeHooks()...)
	return append(all, hook{"freplace", false, xdpPass, replaceable})
}

// uprobeHooks returns a row for each kind of probe of a program.
func uprobeHooks() []hook {
	return []hook{
		{"uprobe", false, perfGoesOn, own(func(path string, at uint64) specHook {
			return bpfx.Uprobe{Path: path, Address: at, PID: os.Getpid()}
		})},
		{"uretprobe", false, perfGoesOn, own(func(path string, at uint64) specHook {
			return bpfx.Uretprobe{Path: path, Address: at, PID: os.Getpid()}
		})},
		{"uprobe.multi", false, neutral, own(func(path string, at uint64) specHook {
			return bpfx.UprobeMulti{Path: path, Addresses: []uint64{at}, PID: os.Getpid()}
		})},
		{"uretprobe.multi", false, neutral, own(func(path string, at uint64) specHook {
			return bpfx.UretprobeMulti{Path: path, Addresses: []uint64{at}, PID: os.Getpid()}
		})},
	}
}

// cgroupHooks returns a row for each attach type of cgroups.
func cgroupHooks() []hook {
	var all []hook
	for _, typ := range []ebpf.AttachType{
		ebpf.AttachCGroupInetIngress, ebpf.AttachCGroupInetEgress,
		ebpf.AttachCGroupInetSockCreate, ebpf.AttachCgroupInetSockRelease,
		ebpf.AttachCGroupSockOps, ebpf.AttachCGroupDevice, ebpf.AttachCGroupSysctl,
		ebpf.AttachCGroupGetsockopt, ebpf.AttachCGroupSetsockopt,
		ebpf.AttachCGroupInet4PostBind, ebpf.AttachCGroupInet6PostBind,
		ebpf.AttachCGroupInet4Bind, ebpf.AttachCGroupInet6Bind,
		ebpf.AttachCGroupInet4Connect, ebpf.AttachCGroupInet6Connect, ebpf.AttachCgroupUnixConnect,
		ebpf.AttachCGroupUDP4Sendmsg, ebpf.AttachCGroupUDP6Sendmsg, ebpf.AttachCgroupUnixSendmsg,
		ebpf.AttachCGroupUDP4Recvmsg, ebpf.AttachCGroupUDP6Recvmsg, ebpf.AttachCgroupUnixRecvmsg,
		ebpf.AttachCgroupInet4GetPeername, ebpf.AttachCgroupInet6GetPeername, ebpf.AttachCgroupUnixGetpeername,
		ebpf.AttachCgroupInet4GetSockname, ebpf.AttachCgroupInet6GetSockname, ebpf.AttachCgroupUnixGetsockname,
	} {
		name, _, _ := strings.Cut(bpfx.Cgroup{AttachType: typ}.String(), " ")
		all = append(all, hook{name, false, cgPermit, func(b *bench) (specHook, error) {
			dir, err := b.cgroup()
			return bpfx.Cgroup{Path: dir, AttachType: typ}, err
		}})
	}
	return all
}

// netkit makes a pair of devices for one attachment. Where the kernel has no
// such devices, it lets the hook say why.
func netkit(side bpfx.NetkitSide) func(*bench) (specHook, error) {
	return func(b *bench) (specHook, error) {
		h := bpfx.Netkit{Interface: fmt.Sprintf("bpfx-nk%d", side), Side: side}
		if b.noNetns != nil {
			return h, b.noNetns
		}
		err := netns.NewNetkit(h.Interface, h.Interface+"p")
		if errors.Is(err, unix.EOPNOTSUPP) {
			return bpfx.Netkit{Interface: "lo", Side: side}, nil
		}
		return h, err
	}
}

// own returns a probe on the first instruction of this program, which it has
// left for good.
func own(probe func(path string, at uint64) specHook) func(*bench) (specHook, error) {
	return func(*bench) (specHook, error) {
		path, at, err := entryPoint()
		return probe(path, at), err
	}
}

// entryPoint returns where the first instruction of this program lies in its
// file.
func entryPoint() (path string, at uint64, err error) {
	if path, err = os.Executable(); err != nil {
		return "", 0, err
	}
	f, err := elf.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close() // only read from
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Vaddr <= f.Entry && f.Entry < p.Vaddr+p.Filesz {
			return path, f.Entry - p.Vaddr + p.Off, nil
		}
	}
	return "", 0, fmt.Errorf("%s: no segment has its entry point", path)
}

// replaceable loads a program with a function that can be replaced.
func replaceable(b *bench) (specHook, error) {
	target, err := bpfx.Load(bpfx.XDP{}.Spec(asm.Instructions{
		xdpFunc(asm.Call.Label("replaced"), "entry"),
		asm.Return(),
		xdpFunc(asm.Mov.Imm(asm.R0, xdpPass), "replaced"),
		asm.Return(),
	}), nil)
	if err != nil {
		return nil, err
	}
	b.scope.Defer(target.Close)
	return freplace{bpfx.Freplace{Target: target.Program, Func: "replaced"}}, nil
}

// freplace is the hook for programs without an object file, which have to say
// what arguments they have.
type freplace struct{ bpfx.Freplace }

func (h freplace) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	insns[0] = xdpFunc(insns[0], "replacement")
	return h.Freplace.Spec(insns)
}

// xdpFunc makes ins the start of a global function of an XDP program.
func xdpFunc(ins asm.Instruction, name string) asm.Instruction {
	return btf.WithFuncMetadata(ins.WithSymbol(name), &btf.Func{Name: name, Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
		Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed},
		Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: &btf.Struct{Name: "xdp_md"}}}},
	}})
}

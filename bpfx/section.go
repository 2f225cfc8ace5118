package bpfx

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
)

// sectionHook returns the hook that a program's section name says, without
// what section names don't say, such as interfaces. cilium/ebpf has made of
// the name a type, an attach type and a target; they count where they tell
// all, so that those who set them are heard.
//
// The grammar is libbpf's: Documentation/bpf/libbpf/program_types.rst.
func sectionHook(spec *ebpf.ProgramSpec) (Hook, error) {
	if hook, ok := sectionHooks[spec.Type]; ok {
		return hook(spec)
	}
	if _, ok := cgroupTypes[spec.Type]; ok {
		return cgroupHook(spec)
	}
	why, ok := notAttached[spec.Type]
	if !ok {
		why = fmt.Sprintf("there is no hook for programs of type %v", spec.Type)
	}
	return nil, errors.New(why)
}

var sectionHooks = map[ebpf.ProgramType]func(*ebpf.ProgramSpec) (Hook, error){
	ebpf.Kprobe:                probeHook,
	ebpf.TracePoint:            tracepointHook,
	ebpf.RawTracepoint:         rawTracepointHook,
	ebpf.RawTracepointWritable: rawTracepointHook,
	ebpf.Tracing:               tracingHook,
	ebpf.LSM:                   lsmHook,
	ebpf.XDP:                   xdpHook,
	ebpf.SchedCLS:              tcHook,
	ebpf.SkSKB:                 skSkbHook,
	ebpf.SkMsg:                 bare(SkMsg{}),
	ebpf.SkLookup:              bare(SkLookup{}),
	ebpf.FlowDissector:         bare(FlowDissector{}),
	ebpf.PerfEvent:             bare(PerfEvent{}),
	ebpf.Netfilter:             bare(Netfilter{}),
	ebpf.Extension:             func(s *ebpf.ProgramSpec) (Hook, error) { return Freplace{Func: s.AttachTo}, nil },
}

// notAttached has the types whose programs are used in other ways.
var notAttached = map[ebpf.ProgramType]string{
	ebpf.UnspecifiedProgram: "no section of that name is known to libbpf, so the program has no type (is it misspelt?)",
	ebpf.SocketFilter:       "socket filters are attached to a socket (SO_ATTACH_BPF), not by section name",
	ebpf.SkReuseport:        "sk_reuseport programs are attached to a socket (SO_ATTACH_REUSEPORT_EBPF), not by section name",
	ebpf.SchedACT:           `actions of tc are attached by netlink, which isn't done here; a classifier in section "tcx/ingress" or "tcx/egress" is`,
	ebpf.LWTIn:              "lwt programs are attached to a route (ip route ... encap bpf), which isn't done here",
	ebpf.LWTOut:             "lwt programs are attached to a route (ip route ... encap bpf), which isn't done here",
	ebpf.LWTXmit:            "lwt programs are attached to a route (ip route ... encap bpf), which isn't done here",
	ebpf.LWTSeg6Local:       "lwt programs are attached to a route (ip route ... encap seg6local), which isn't done here",
	ebpf.LircMode2:          "infrared decoders are attached to a device (BPF_PROG_ATTACH to /dev/lirc*), not by section name",
	ebpf.Syscall:            "syscall programs are run, not attached (see Program.Run)",
	ebpf.StructOps:          "struct_ops programs are used by a struct_ops map: use package structops",
}

// bare returns a function for sections that all mean the same hook.
func bare(h Hook) func(*ebpf.ProgramSpec) (Hook, error) {
	return func(*ebpf.ProgramSpec) (Hook, error) { return h, nil }
}

// sectionKind returns the part of a section name before the slash.
func sectionKind(spec *ebpf.ProgramSpec) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(spec.SectionName, "?"), "/")
	return kind
}

// errNoTarget returns the error of a section name that has nothing after its
// kind, or not what should be there.
func errNoTarget(spec *ebpf.ProgramSpec, form string) error {
	if spec.SectionName == "" {
		return fmt.Errorf("neither a section name nor AttachTo says where (%s)", form)
	}
	return fmt.Errorf("the section name doesn't say where (%s/%s)", sectionKind(spec), form)
}

func tracepointHook(spec *ebpf.ProgramSpec) (Hook, error) {
	group, name, _ := strings.Cut(spec.AttachTo, "/")
	if group == "" || name == "" {
		return nil, errNoTarget(spec, "GROUP/NAME")
	}
	return Tracepoint{Group: group, Name: name}, nil
}

func rawTracepointHook(spec *ebpf.ProgramSpec) (Hook, error) {
	if spec.AttachTo == "" {
		return nil, errNoTarget(spec, "NAME")
	}
	return RawTracepoint{Name: spec.AttachTo}, nil
}

// tracingHook is for programs that the kernel's BTF is needed to load.
func tracingHook(spec *ebpf.ProgramSpec) (Hook, error) {
	fn := spec.AttachTo
	module, name, isModule := strings.Cut(fn, ":")
	switch {
	case spec.AttachType == ebpf.AttachTraceIter:
		return nil, errors.New("iterators are opened and read, not attached (iter.Open of package bpfx/iter)")
	case strings.HasPrefix(sectionKind(spec), "fsession"):
		return nil, errors.New("there is no hook for fsession programs yet; fentry and fexit have hooks")
	case fn == "":
		return nil, errNoTarget(spec, "NAME")
	case isModule:
		return nil, fmt.Errorf("name the function %q without its module %q, which is searched for", name, module)
	}
	switch spec.AttachType {
	case ebpf.AttachTraceFEntry:
		return Fentry{Func: fn}, nil
	case ebpf.AttachTraceFExit:
		return Fexit{Func: fn}, nil
	case ebpf.AttachModifyReturn:
		return FmodRet{Func: fn}, nil
	case ebpf.AttachTraceRawTp:
		return BTFTracepoint{Name: fn}, nil
	}
	return nil, fmt.Errorf("there is no hook for tracing programs of attach type %v", spec.AttachType)
}

func lsmHook(spec *ebpf.ProgramSpec) (Hook, error) {
	switch {
	case spec.AttachType == ebpf.AttachLSMCgroup:
		return nil, errors.New("cilium/ebpf can't load lsm_cgroup programs")
	case spec.AttachTo == "":
		return nil, errNoTarget(spec, "HOOK")
	}
	return LSM{Hook: spec.AttachTo}, nil
}

func xdpHook(spec *ebpf.ProgramSpec) (Hook, error) {
	switch spec.AttachType {
	case ebpf.AttachXDPDevMap, ebpf.AttachXDPCPUMap:
		return nil, errors.New("the program is run by an entry of a devmap or cpumap, and not attached to an interface")
	}
	return XDP{}, nil
}

func tcHook(spec *ebpf.ProgramSpec) (Hook, error) {
	switch spec.AttachType {
	case ebpf.AttachTCXIngress:
		return TCX{Direction: TCXIngress}, nil
	case ebpf.AttachTCXEgress:
		return TCX{Direction: TCXEgress}, nil
	case ebpf.AttachNetkitPrimary:
		return Netkit{Side: NetkitPrimary}, nil
	case ebpf.AttachNetkitPeer:
		return Netkit{Side: NetkitPeer}, nil
	}
	return nil, errors.New(`the section doesn't say which direction ("tcx/ingress" and "tcx/egress" do; filters of tc are attached by netlink, which isn't done here)`)
}

func skSkbHook(spec *ebpf.ProgramSpec) (Hook, error) {
	for _, kind := range []SkSkbKind{SkSkbStreamVerdict, SkSkbStreamParser, SkSkbVerdict} {
		if typ, _ := kind.attachType(); typ == spec.AttachType {
			return SkSkb{Kind: kind}, nil
		}
	}
	return nil, errNoTarget(spec, "stream_parser, stream_verdict or verdict")
}

// cgroupTypes are the types of programs that a cgroup takes.
var cgroupTypes = func() map[ebpf.ProgramType]struct{} {
	types := make(map[ebpf.ProgramType]struct{})
	for _, kind := range cgroupKinds {
		types[kind.program] = struct{}{}
	}
	return types
}()

func cgroupHook(spec *ebpf.ProgramSpec) (Hook, error) {
	if spec.Type == ebpf.CGroupSKB && strings.HasPrefix(strings.TrimPrefix(spec.SectionName, "?"), "cgroup/skb") {
		// Its attach type is 0, which is that of cgroup_skb/ingress as well.
		return nil, errors.New(`the section doesn't say which direction ("cgroup_skb/ingress" and "cgroup_skb/egress" do)`)
	}
	if cgroupKinds[spec.AttachType].program != spec.Type {
		return nil, fmt.Errorf("programs of type %v are not for attach type %v", spec.Type, spec.AttachType)
	}
	return Cgroup{AttachType: spec.AttachType}, nil
}

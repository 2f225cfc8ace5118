package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Cgroup runs a program for the processes of a cgroup and of those below it:
// on their packets, or when they create, bind, connect and use sockets, open
// devices, or read and write sysctls. A cgroup takes many programs for each
// attach type, and all of them run.
//
// A path that doesn't exist gives an error wrapping [os.ErrNotExist]. The
// attachment ends with the cgroup. Requires Linux 5.7 and CONFIG_CGROUP_BPF;
// Linux 6.7 for Unix sockets.
type Cgroup struct {
	// Path is a directory of the cgroup2 hierarchy, such as
	// /sys/fs/cgroup/system.slice.
	Path string
	// AttachType is one of the constants ebpf.AttachCGroup..., but for
	// AttachLSMCgroup, which cilium/ebpf doesn't load. The zero value is
	// [ebpf.AttachCGroupInetIngress].
	AttachType ebpf.AttachType
}

// String returns the attach type, as in section names, and the path.
func (h Cgroup) String() string {
	kind, ok := cgroupKinds[h.AttachType]
	if !ok {
		kind.name = fmt.Sprintf("cgroup %v", h.AttachType)
	}
	return fmt.Sprintf("%s %q", kind.name, h.Path)
}

// Spec returns a spec of a program for this hook, without a name and under
// the licence GPL.
func (h Cgroup) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	kind := cgroupKinds[h.AttachType] // an unknown type is refused by Attach
	return &ebpf.ProgramSpec{Type: kind.program, AttachType: h.AttachType, Instructions: insns, License: "GPL"}
}

// cgroupKinds are the attach types of cgroups, each with its section name and
// the type of the programs that it takes (kernel/bpf/syscall.c,
// attach_type_to_prog_type).
var cgroupKinds = map[ebpf.AttachType]struct {
	name    string
	program ebpf.ProgramType
}{
	ebpf.AttachCGroupInetIngress:      {"cgroup_skb/ingress", ebpf.CGroupSKB},
	ebpf.AttachCGroupInetEgress:       {"cgroup_skb/egress", ebpf.CGroupSKB},
	ebpf.AttachCGroupInetSockCreate:   {"cgroup/sock_create", ebpf.CGroupSock},
	ebpf.AttachCgroupInetSockRelease:  {"cgroup/sock_release", ebpf.CGroupSock},
	ebpf.AttachCGroupInet4PostBind:    {"cgroup/post_bind4", ebpf.CGroupSock},
	ebpf.AttachCGroupInet6PostBind:    {"cgroup/post_bind6", ebpf.CGroupSock},
	ebpf.AttachCGroupSockOps:          {"sockops", ebpf.SockOps},
	ebpf.AttachCGroupDevice:           {"cgroup/dev", ebpf.CGroupDevice},
	ebpf.AttachCGroupSysctl:           {"cgroup/sysctl", ebpf.CGroupSysctl},
	ebpf.AttachCGroupGetsockopt:       {"cgroup/getsockopt", ebpf.CGroupSockopt},
	ebpf.AttachCGroupSetsockopt:       {"cgroup/setsockopt", ebpf.CGroupSockopt},
	ebpf.AttachCGroupInet4Bind:        {"cgroup/bind4", ebpf.CGroupSockAddr},
	ebpf.AttachCGroupInet6Bind:        {"cgroup/bind6", ebpf.CGroupSockAddr},
	ebpf.AttachCGroupInet4Connect:     {"cgroup/connect4", ebpf.CGroupSockAddr},
	ebpf.AttachCGroupInet6Connect:     {"cgroup/connect6", ebpf.CGroupSockAddr},
	ebpf.AttachCgroupUnixConnect:      {"cgroup/connect_unix", ebpf.CGroupSockAddr},
	ebpf.AttachCGroupUDP4Sendmsg:      {"cgroup/sendmsg4", ebpf.CGroupSockAddr},
	ebpf.AttachCGroupUDP6Sendmsg:      {"cgroup/sendmsg6", ebpf.CGroupSockAddr},
	ebpf.AttachCgroupUnixSendmsg:      {"cgroup/sendmsg_unix", ebpf.CGroupSockAddr},
	ebpf.AttachCGroupUDP4Recvmsg:      {"cgroup/recvmsg4", ebpf.CGroupSockAddr},
	ebpf.AttachCGroupUDP6Recvmsg:      {"cgroup/recvmsg6", ebpf.CGroupSockAddr},
	ebpf.AttachCgroupUnixRecvmsg:      {"cgroup/recvmsg_unix", ebpf.CGroupSockAddr},
	ebpf.AttachCgroupInet4GetPeername: {"cgroup/getpeername4", ebpf.CGroupSockAddr},
	ebpf.AttachCgroupInet6GetPeername: {"cgroup/getpeername6", ebpf.CGroupSockAddr},
	ebpf.AttachCgroupUnixGetpeername:  {"cgroup/getpeername_unix", ebpf.CGroupSockAddr},
	ebpf.AttachCgroupInet4GetSockname: {"cgroup/getsockname4", ebpf.CGroupSockAddr},
	ebpf.AttachCgroupInet6GetSockname: {"cgroup/getsockname6", ebpf.CGroupSockAddr},
	ebpf.AttachCgroupUnixGetsockname:  {"cgroup/getsockname_unix", ebpf.CGroupSockAddr},
}

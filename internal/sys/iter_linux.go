package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// TaskIter is what a link of a task iterator is told
// (union bpf_iter_link_info.task). Zero members say nothing.
type TaskIter struct{ TID, PID, PIDFD uint32 }

// CgroupIter is what a link of a cgroup iterator is told
// (union bpf_iter_link_info.cgroup).
type CgroupIter struct {
	Order uint32 // enum bpf_cgroup_iter_order
	FD    uint32 // 0 for none
	ID    uint64 // 0 for none
}

// LinkTaskIter makes a link of a task iterator (BPF_LINK_CREATE) and returns
// its descriptor. Kernels before 6.1 take a TID and ignore it.
func LinkTaskIter(prog int, t TaskIter) (int, error) {
	return linkIter(prog, unsafe.Pointer(&t), unsafe.Sizeof(t))
}

// LinkCgroupIter makes a link of a cgroup iterator (BPF_LINK_CREATE) and
// returns its descriptor. Requires Linux 6.1.
func LinkCgroupIter(prog int, c CgroupIter) (int, error) {
	return linkIter(prog, unsafe.Pointer(&c), unsafe.Sizeof(c))
}

func linkIter(prog int, info unsafe.Pointer, size uintptr) (int, error) {
	attr := struct { // union bpf_attr.link_create
		prog, target, attachType, flags uint32
		info                            Pointer
		infoLen                         uint32
		_                               uint32
	}{prog: uint32(prog), attachType: 28, info: Pointer{p: info}, infoLen: uint32(size)} // BPF_TRACE_ITER
	const cmd = 28 // BPF_LINK_CREATE
	fd, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// IterLink is what the kernel tells of an iterator's link.
type IterLink struct {
	ID, Prog uint32
	Target   string // such as "task"; "" before Linux 5.10
	Map      uint32 // id of the map, of targets that take one
	TID, PID uint32 // of task targets. Requires Linux 6.1.
	CgroupID uint64 // of target cgroup
	Order    uint32 // of target cgroup
}

// IterLinkInfo asks for what a link is (BPF_OBJ_GET_INFO_BY_FD). The members
// of a union are all filled: only those of Target mean anything.
func IterLinkInfo(link int) (IterLink, error) {
	var name [64]byte
	info := struct { // struct bpf_link_info, with its union's iter
		typ, id, prog, _ uint32
		target           Pointer
		targetLen        uint32
		mapID            uint32
		cgroup           uint64 // or tid and pid, 32 bits each
		order, _         uint32
	}{target: Bytes(name[:]), targetLen: uint32(len(name))}
	err := objInfo(link, unsafe.Pointer(&info), unsafe.Sizeof(info))
	tid, pid := (*[2]uint32)(unsafe.Pointer(&info.cgroup))[0], (*[2]uint32)(unsafe.Pointer(&info.cgroup))[1]
	return IterLink{
		ID: info.id, Prog: info.prog, Target: unix.ByteSliceToString(name[:]), Map: info.mapID,
		TID: tid, PID: pid, CgroupID: info.cgroup, Order: info.order,
	}, err
}

// ProgTarget returns the BTF id of the function that a program was loaded for
// (BPF_OBJ_GET_INFO_BY_FD), 0 if it has none. Before Linux 6.0 the kernel
// doesn't tell it: then it is 0 too.
func ProgTarget(fd int) (uint32, error) {
	var info struct { // struct bpf_prog_info; what isn't named here stays 0
		head   [220]byte // up to verified_insns
		object uint32    // attach_btf_obj_id
		id     uint32    // attach_btf_id
	}
	err := objInfo(fd, unsafe.Pointer(&info), unsafe.Sizeof(info))
	return info.id, err
}

// IterCreate starts a session of an iterator (BPF_ITER_CREATE) and returns its
// descriptor. cilium/ebpf does it too, and may close the descriptor once more
// while it is in use: the FD that it takes it from can be collected before its
// cleanup is stopped (FD.Disown; see [runtime.Cleanup.Stop]).
func IterCreate(link int) (int, error) {
	attr := struct{ link, flags uint32 }{link: uint32(link)} // union bpf_attr.iter_create
	const cmd = 33                                           // BPF_ITER_CREATE
	fd, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

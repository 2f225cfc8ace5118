//go:build amd64 || arm64

package faults

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Commands of bpf(2) that take things back (include/uapi/linux/bpf.h).
var undoing = []uint32{unix.BPF_MAP_DELETE_ELEM, unix.BPF_PROG_DETACH, unix.BPF_LINK_DETACH}

// Calls that are handed to the parent whatever their arguments are.
var watched = []uint32{
	unix.SYS_PERF_EVENT_OPEN, unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_SOCKET, unix.SYS_MEMFD_CREATE,
	unix.SYS_PIDFD_OPEN, unix.SYS_EPOLL_CREATE1, unix.SYS_SETNS, unix.SYS_UNSHARE, unix.SYS_MOUNT, unix.SYS_MKDIRAT,
}

// filter returns a seccomp filter. It needn't look at the architecture: it
// keeps nobody from anything.
func filter() []unix.SockFilter {
	const (
		nr   = 0  // offsets in struct seccomp_data, of the lower halves
		arg0 = 16 // on little endian machines
		arg1 = arg0 + 8
		arg4 = arg0 + 4*8
	)
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	ret := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	jump := func(op uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: yes, Jf: no, K: k}
	}
	allow, notify := ret(unix.SECCOMP_RET_ALLOW), ret(unix.SECCOMP_RET_USER_NOTIF)
	f := []unix.SockFilter{load(nr)}
	for _, call := range watched {
		f = append(f, jump(unix.BPF_JEQ, call, 0, 1), notify)
	}
	// only adds a call of which one argument decides: op and k say which values
	// are handed on (or, with except, are not).
	only := func(call, arg uint32, op uint16, except bool, values ...uint32) {
		then, otherwise := notify, allow
		if except {
			then, otherwise = allow, notify
		}
		f = append(f, jump(unix.BPF_JEQ, call, 0, uint8(2*len(values)+2)), load(arg))
		for _, v := range values {
			f = append(f, jump(op, v, 0, 1), then)
		}
		f = append(f, otherwise)
	}
	only(unix.SYS_BPF, arg0, unix.BPF_JEQ, true, undoing...)
	only(unix.SYS_FCNTL, arg1, unix.BPF_JEQ, false, unix.F_DUPFD_CLOEXEC)
	only(unix.SYS_IOCTL, arg1, unix.BPF_JEQ, true, unix.PERF_EVENT_IOC_DISABLE)
	only(unix.SYS_MMAP, arg4, unix.BPF_JEQ, true, ^uint32(0)) // the runtime's have no file
	only(unix.SYS_WRITE, arg0, unix.BPF_JGT, false, 2)
	return append(f, allow)
}

// install puts the filter in front of all threads and returns the descriptor
// of its listener. Requires Linux 5.7.
func install() (listener int, err error) {
	f := filter()
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(f)
	if errno != 0 {
		return -1, fmt.Errorf("install a seccomp filter: %w", errno)
	}
	return int(fd), nil
}

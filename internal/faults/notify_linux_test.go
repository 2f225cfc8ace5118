//go:build amd64 || arm64

package faults

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// notification is struct seccomp_notif.
type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// A watcher answers for the kernel when a process makes system calls, and
// fails one of them.
type watcher struct {
	listener int

	mu    sync.Mutex
	armed bool
	at    int // the call to fail, counted from 1
	errno unix.Errno
	count int    // calls so far
	hit   string // the call that was failed
	err   error
}

// watch answers until the process is gone.
func (w *watcher) watch() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer unix.Close(w.listener)
	for {
		fds := []unix.PollFd{{Fd: int32(w.listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			w.fail(fmt.Errorf("poll the listener: %w", err))
			return
		}
		switch {
		case fds[0].Revents&unix.POLLIN != 0:
			if err := w.answer(); err != nil {
				w.fail(err)
				return
			}
		case fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0:
			return
		}
	}
}

func (w *watcher) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// answer answers one call.
func (w *watcher) answer() error {
	var n notification
	if err := w.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); err != nil {
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINTR) {
			return nil // it was interrupted, or killed, meanwhile
		}
		return fmt.Errorf("receive from the listener: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	if counts := w.armed && n.counts(); counts {
		if w.count++; w.count == w.at {
			w.hit = n.String()
			r.errno, r.flags = -int32(w.errno), 0
		}
	}
	err := w.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("answer a call: %w", err)
	}
	return nil
}

func (w *watcher) ioctl(cmd uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.listener), cmd, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// arm has the at-th call from now on fail; 0 fails none.
func (w *watcher) arm(at int, errno unix.Errno) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed, w.at, w.errno, w.count, w.hit = true, at, errno, 0, ""
}

// disarm ends that and returns how many calls there were and which was failed.
func (w *watcher) disarm() (count int, hit string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	return w.count, w.hit, w.err
}

// counts reports whether a call may be failed: not one that takes back an
// event of tracefs, and of writes only those that make one, since the others
// are the Go runtime's. Nor is the id of an event kept back that cilium/ebpf has
// just made: it leaves the event then, and its name is nowhere but in the error.
// That descriptors run out there, bpfx sees to (haveDescriptors).
func (n *notification) counts() bool {
	switch n.nr {
	case unix.SYS_OPENAT:
		path := n.text(n.args[1], 256)
		made := strings.Contains(path, "/tracing/events/ebpf_")
		return !made && (!isEvents(path) || len(events()) == 0)
	case unix.SYS_WRITE:
		path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.pid, n.args[0]))
		return err == nil && isEvents(path) && !strings.HasPrefix(n.text(n.args[1], 2), "-:")
	}
	return true
}

// text reads a string of the process's memory.
func (n *notification) text(at uint64, size int) string {
	buf := make([]byte, size)
	// No further than the page: the next may not be there.
	if room := int(4096 - at%4096); size > room {
		buf = buf[:room]
	}
	local := []unix.Iovec{{Base: &buf[0], Len: uint64(len(buf))}}
	got, err := unix.ProcessVMReadv(int(n.pid), local, []unix.RemoteIovec{{Base: uintptr(at), Len: len(buf)}}, 0)
	if err != nil {
		return ""
	}
	text, _, _ := bytes.Cut(buf[:got], []byte{0})
	return string(text)
}

// String names a call.
func (n *notification) String() string {
	switch n.nr {
	case unix.SYS_BPF:
		if name, ok := commands[n.args[0]]; ok {
			return name
		}
		return fmt.Sprintf("bpf(%d)", n.args[0])
	case unix.SYS_OPENAT:
		return "openat " + n.text(n.args[1], 256)
	}
	if name, ok := callNames[n.nr]; ok {
		return name
	}
	return fmt.Sprintf("system call %d", n.nr)
}

var callNames = map[int32]string{
	unix.SYS_PERF_EVENT_OPEN: "perf_event_open", unix.SYS_OPENAT2: "openat2", unix.SYS_SOCKET: "socket",
	unix.SYS_MEMFD_CREATE: "memfd_create", unix.SYS_PIDFD_OPEN: "pidfd_open", unix.SYS_EPOLL_CREATE1: "epoll_create1",
	unix.SYS_SETNS: "setns", unix.SYS_UNSHARE: "unshare", unix.SYS_MOUNT: "mount", unix.SYS_MKDIRAT: "mkdirat",
	unix.SYS_FCNTL: "fcntl F_DUPFD_CLOEXEC", unix.SYS_IOCTL: "ioctl", unix.SYS_MMAP: "mmap", unix.SYS_WRITE: "write to tracefs",
}

var commands = map[uint64]string{
	unix.BPF_MAP_CREATE: "MAP_CREATE", unix.BPF_MAP_LOOKUP_ELEM: "MAP_LOOKUP_ELEM", unix.BPF_MAP_UPDATE_ELEM: "MAP_UPDATE_ELEM",
	unix.BPF_MAP_GET_NEXT_KEY: "MAP_GET_NEXT_KEY", unix.BPF_PROG_LOAD: "PROG_LOAD", unix.BPF_OBJ_PIN: "OBJ_PIN", unix.BPF_OBJ_GET: "OBJ_GET",
	unix.BPF_PROG_ATTACH: "PROG_ATTACH", unix.BPF_PROG_TEST_RUN: "PROG_TEST_RUN", unix.BPF_PROG_GET_NEXT_ID: "PROG_GET_NEXT_ID",
	unix.BPF_MAP_GET_NEXT_ID: "MAP_GET_NEXT_ID", unix.BPF_PROG_GET_FD_BY_ID: "PROG_GET_FD_BY_ID", unix.BPF_MAP_GET_FD_BY_ID: "MAP_GET_FD_BY_ID",
	unix.BPF_OBJ_GET_INFO_BY_FD: "OBJ_GET_INFO_BY_FD", unix.BPF_PROG_QUERY: "PROG_QUERY", unix.BPF_RAW_TRACEPOINT_OPEN: "RAW_TRACEPOINT_OPEN",
	unix.BPF_BTF_LOAD: "BTF_LOAD", unix.BPF_BTF_GET_FD_BY_ID: "BTF_GET_FD_BY_ID", unix.BPF_MAP_FREEZE: "MAP_FREEZE",
	unix.BPF_BTF_GET_NEXT_ID: "BTF_GET_NEXT_ID", unix.BPF_MAP_LOOKUP_BATCH: "MAP_LOOKUP_BATCH", unix.BPF_MAP_UPDATE_BATCH: "MAP_UPDATE_BATCH",
	unix.BPF_LINK_CREATE: "LINK_CREATE", unix.BPF_LINK_UPDATE: "LINK_UPDATE", unix.BPF_LINK_GET_FD_BY_ID: "LINK_GET_FD_BY_ID",
	unix.BPF_LINK_GET_NEXT_ID: "LINK_GET_NEXT_ID", unix.BPF_ENABLE_STATS: "ENABLE_STATS", unix.BPF_ITER_CREATE: "ITER_CREATE", unix.BPF_PROG_BIND_MAP: "PROG_BIND_MAP",
}

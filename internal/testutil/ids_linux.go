package testutil

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ID is an object of the kernel's: a program, map, link, or BTF.
type ID struct {
	Kind string
	ID   uint32
}

// String returns kind and number.
func (o ID) String() string { return fmt.Sprint(o.Kind, " ", o.ID) }

// kinds are the commands of bpf(2) that find the next id
// (include/uapi/linux/bpf.h, enum bpf_cmd).
var kinds = []struct {
	name string
	cmd  uintptr
}{
	{"program", unix.BPF_PROG_GET_NEXT_ID},
	{"map", unix.BPF_MAP_GET_NEXT_ID},
	{"link", unix.BPF_LINK_GET_NEXT_ID},
	{"btf", unix.BPF_BTF_GET_NEXT_ID},
}

// IDs lists the objects that the kernel has, without opening any. Requires
// Linux 5.8.
//
// Who opens a program array while the kernel empties it, since its last
// descriptor was closed, and closes it, may leave it in the kernel for ever.
// Each last close counts it up for the work that empties it, but work that is
// queued already isn't queued again: prog_array_map_clear in
// kernel/bpf/arraymap.c.
func IDs() ([]ID, error) {
	var list []ID
	for _, kind := range kinds {
		attr := struct{ start, next, flags, _ uint32 }{} // union bpf_attr, the struct used by BPF_*_GET_*_ID
		for {
			_, _, errno := unix.Syscall(unix.SYS_BPF, kind.cmd, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
			if errno == unix.ENOENT {
				break
			}
			if errno != 0 {
				return nil, fmt.Errorf("list ids of %ss: %w", kind.name, errno)
			}
			list = append(list, ID{kind.name, attr.next})
			attr.start = attr.next
		}
	}
	return list, nil
}

// HeldByOthers reports whether a process that has nothing to do with this one
// has an object open, or whether it is systemd's.
func HeldByOthers(id ID) bool {
	if id.Kind == "program" && strings.Contains(Describe(id), " sd_") { // maps aren't opened: see [IDs]
		return true
	}
	key := map[string]string{"program": "prog_id:", "map": "map_id:", "link": "link_id:", "btf": "btf_id:"}[id.Kind]
	infos, _ := filepath.Glob("/proc/[0-9]*/fdinfo/*") // the pattern is well formed
	for _, path := range infos {
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
		if pid == os.Getpid() || isChild(pid) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it was closed
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) == 2 && f[0] == key && f[1] == fmt.Sprint(id.ID) {
				return true
			}
		}
	}
	return false
}

// isChild reports whether a process is a child of this one.
func isChild(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && strings.Contains(string(text), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid()))
}

package testutil

import (
	"fmt"
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

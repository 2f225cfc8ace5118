package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ENOTSUPP is the kernel's own "operation is not supported". It has no name
// in libc and differs from EOPNOTSUPP (include/linux/errno.h).
const ENOTSUPP = unix.Errno(524)

// Bytes points to the first byte of b, or nowhere if b is empty.
func Bytes(b []byte) Pointer {
	if len(b) == 0 {
		return Pointer{}
	}
	return Pointer{p: unsafe.Pointer(&b[0])}
}

// bpf calls bpf(2). attr must point to size bytes of union bpf_attr.
func bpf(cmd int, attr unsafe.Pointer, size uintptr) error {
	_, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(cmd), uintptr(attr), size)
	if errno != 0 {
		return errno
	}
	return nil
}

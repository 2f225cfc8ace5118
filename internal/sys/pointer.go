//go:build linux && !(386 || arm || mipsle)

package sys

import "unsafe"

// Pointer is a pointer as union bpf_attr holds it: 64 bits wide on every
// architecture (__aligned_u64). It keeps what it points to alive.
type Pointer struct {
	_ [8 - unsafe.Sizeof(uintptr(0))]byte
	p unsafe.Pointer
}

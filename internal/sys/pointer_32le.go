//go:build linux && (386 || arm || mipsle)

package sys

import "unsafe"

// Pointer is a pointer as union bpf_attr holds it: 64 bits wide on every
// architecture (__aligned_u64). It keeps what it points to alive.
type Pointer struct {
	p unsafe.Pointer
	_ [4]byte
}

package sys

import "unsafe"

// NextLinkID returns the lowest id of a link above id (BPF_LINK_GET_NEXT_ID).
// Returns ENOENT if there is none.
func NextLinkID(id uint32) (uint32, error) {
	const cmd = 31 // BPF_LINK_GET_NEXT_ID
	attr := struct{ start, next, flags, _ uint32 }{start: id}
	err := bpf(cmd, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return attr.next, err
}

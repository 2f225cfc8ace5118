package sys

import "unsafe"

// ProgID returns the id of the program behind a descriptor
// (BPF_OBJ_GET_INFO_BY_FD).
//
// It asks for the first two members of struct bpf_prog_info only, which costs
// a microsecond. cilium/ebpf's Program.Info reads them all, and a file in
// /proc besides, which takes longer than loading a small program.
func ProgID(fd int) (uint32, error) {
	var info struct{ typ, id uint32 }
	attr := struct { // union bpf_attr.info
		fd   uint32
		len  uint32
		info Pointer
	}{uint32(fd), uint32(unsafe.Sizeof(info)), Pointer{p: unsafe.Pointer(&info)}}
	const cmd = 15 // BPF_OBJ_GET_INFO_BY_FD
	err := bpf(cmd, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return info.id, err
}

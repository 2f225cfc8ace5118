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
	err := objInfo(fd, unsafe.Pointer(&info), unsafe.Sizeof(info))
	return info.id, err
}

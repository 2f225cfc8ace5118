package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Flags of struct_ops maps.
const (
	flagLink      = 1 << 13 // BPF_F_LINK
	flagModuleBTF = 1 << 15 // BPF_F_VTYPE_BTF_OBJ_FD
)

// StructOpsMap is what [CreateStructOps] makes.
type StructOpsMap struct {
	Name      string // 15 characters at most
	ValueType uint32 // BTF id of struct bpf_struct_ops_<type>
	ValueSize uint32 // its size, in bytes
	BTF       int    // descriptor of any BTF of a program's; the kernel asks for one
	Module    int    // descriptor of the BTF of the type's module, 0 if it is the kernel's
	Link      bool   // it is registered by a link. Requires Linux 6.4.
}

// CreateStructOps makes a struct_ops map (BPF_MAP_CREATE) without filling it,
// which cilium/ebpf can't, and returns its descriptor.
func CreateStructOps(m StructOpsMap) (int, error) {
	attr := struct { // union bpf_attr, anonymous struct used by BPF_MAP_CREATE
		typ, keySize, valueSize, maxEntries, flags uint32
		inner, numaNode                            uint32
		name                                       [16]byte
		ifindex, btf, keyType, valueType           uint32
		vmlinuxValueType                           uint32
		extra                                      uint64
		valueTypeBTF, token                        int32
	}{
		typ: 26, keySize: 4, valueSize: m.ValueSize, maxEntries: 1, // BPF_MAP_TYPE_STRUCT_OPS
		btf: uint32(m.BTF), vmlinuxValueType: m.ValueType,
	}
	copy(attr.name[:15], m.Name)
	if m.Link {
		attr.flags |= flagLink
	}
	if m.Module != 0 {
		attr.flags |= flagModuleBTF
		attr.valueTypeBTF = int32(m.Module)
	}
	const cmd = 0 // BPF_MAP_CREATE
	fd, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// UpdateStructOpsLink has a struct_ops link use another map (BPF_LINK_UPDATE),
// if it uses old now. Requires Linux 6.4.
//
// The caller must make sure that old and new are different maps: if they are
// the same, kernels up to 7.0 at least corrupt their list of congestion
// controls and stop.
func UpdateStructOpsLink(link, old, new int) error {
	attr := struct { // union bpf_attr.link_update
		link, newMap, flags, oldMap uint32
	}{uint32(link), uint32(new), unix.BPF_F_REPLACE, uint32(old)}
	const cmd = 29 // BPF_LINK_UPDATE
	return bpf(cmd, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

// StructOpsLinkMap returns the id of the map that a struct_ops link uses
// (BPF_OBJ_GET_INFO_BY_FD).
func StructOpsLinkMap(link int) (uint32, error) {
	var info struct { // struct bpf_link_info
		typ, id, prog, _ uint32
		mapID            uint32 // of its union's struct_ops
		_                uint32
	}
	err := objInfo(link, unsafe.Pointer(&info), unsafe.Sizeof(info))
	return info.mapID, err
}

// MapValueType returns the BTF id of a map's value type in the kernel's or a
// module's BTF, 0 if it has none.
func MapValueType(fd int) (uint32, error) {
	var info struct { // struct bpf_map_info
		typ, id, keySize, valueSize, maxEntries, flags uint32
		name                                           [16]byte
		ifindex, vmlinuxValueType                      uint32
	}
	err := objInfo(fd, unsafe.Pointer(&info), unsafe.Sizeof(info))
	return info.vmlinuxValueType, err
}

// objInfo calls BPF_OBJ_GET_INFO_BY_FD.
func objInfo(fd int, info unsafe.Pointer, size uintptr) error {
	attr := struct { // union bpf_attr.info
		fd   uint32
		len  uint32
		info Pointer
	}{uint32(fd), uint32(size), Pointer{p: info}}
	const cmd = 15 // BPF_OBJ_GET_INFO_BY_FD
	return bpf(cmd, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

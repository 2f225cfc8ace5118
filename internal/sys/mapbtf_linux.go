package sys

import "unsafe"

// MapTypes is what a map's keys and values are: ids of types in a BTF object,
// 0 if the map has none.
type MapTypes struct {
	BTF, Key, Value uint32
}

// MapBTF returns the types of a map (BPF_OBJ_GET_INFO_BY_FD). cilium/ebpf's
// Map.Info drops those of key and value.
func MapBTF(fd int) (MapTypes, error) {
	var info struct { // the start of struct bpf_map_info
		_ [64]byte
		MapTypes
		_ uint32
	}
	err := objInfo(fd, unsafe.Pointer(&info), unsafe.Sizeof(info))
	return info.MapTypes, err
}

package iter

import (
	"runtime"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/bpfx/go/internal/sys"
)

// specialField returns the name of a field of a map's values that the kernel
// keeps to itself, such as a lock or a pointer: lookups leave them out. It is ""
// if there is none. The kernel finds them by BTF: a map without has none.
func specialField(m *ebpf.Map) (string, error) {
	types, err := sys.MapBTF(m.FD())
	runtime.KeepAlive(m)
	if err != nil || types.BTF == 0 || types.Value == 0 {
		return "", err
	}
	h, err := btf.NewHandleFromID(btf.ID(types.BTF))
	if err != nil {
		return "", err
	}
	defer h.Close() // nothing was written
	spec, err := h.Spec(nil)
	if err != nil {
		return "", err
	}
	typ, err := spec.TypeByID(btf.TypeID(types.Value))
	if err != nil {
		return "", err
	}
	return special(typ, "", 0), nil
}

// specialTypes are the structs of the kernel that enum btf_field_type in
// include/linux/bpf.h stands for.
var specialTypes = []string{
	"bpf_spin_lock", "bpf_res_spin_lock", "bpf_timer", "bpf_wq", "bpf_task_work", "bpf_refcount",
	"bpf_list_head", "bpf_list_node", "bpf_rb_root", "bpf_rb_node",
}

// special looks for such a field below a type. name is the path to it.
func special(typ btf.Type, name string, depth int) string {
	const deepest = 32 // MAX_RESOLVE_DEPTH in kernel/bpf/btf.c
	if depth > deepest {
		return name
	}
	switch t := btf.UnderlyingType(typ).(type) {
	case *btf.Struct:
		if slices.Contains(specialTypes, t.Name) {
			return name
		}
		for _, m := range t.Members {
			if found := special(m.Type, strings.TrimPrefix(name+"."+m.Name, "."), depth+1); found != "" {
				return found
			}
		}
	case *btf.Array:
		return special(t.Type, name, depth+1)
	case *btf.Pointer:
		if _, tagged := t.Target.(*btf.TypeTag); tagged { // kptr, percpu_kptr, uptr
			return name
		}
	}
	return ""
}

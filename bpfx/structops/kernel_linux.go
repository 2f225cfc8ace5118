package structops

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/links"
	"github.com/bpfx/go/internal/sys"
)

// anyBTF is the BTF that the kernel wants to see with a struct_ops map. What is
// in it doesn't matter.
var anyBTF = sync.OnceValues(func() ([]byte, error) {
	b, err := btf.NewBuilder([]btf.Type{&btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}}, nil)
	if err != nil {
		return nil, err
	}
	return b.Marshal(nil, btf.KernelMarshalOptions())
})

// createMap makes the map of a set of operations, empty. If withLink is asked
// for and the kernel has no links, which it is asked only after it has refused,
// it makes one without.
func createMap(t *Type, name string, withLink bool) (m *ebpf.Map, linked bool, err error) {
	raw, err := anyBTF()
	if err != nil {
		return nil, false, err
	}
	handle, err := btf.NewHandleFromRawBTF(raw)
	if err != nil {
		return nil, false, fmt.Errorf("load BTF: %w", err)
	}
	defer handle.Close()
	spec := sys.StructOpsMap{
		Name: name, ValueType: t.valueID, ValueSize: uint32(t.valueSize), BTF: handle.FD(), Link: withLink,
	}
	if t.Module != "" {
		module, err := moduleBTF(t.Module)
		if err != nil {
			return nil, false, err
		}
		defer module.Close()
		spec.Module = module.FD()
	}
	fd, err := sys.CreateStructOps(spec)
	if errors.Is(err, unix.EINVAL) && withLink {
		spec.Link = false
		fd, err = sys.CreateStructOps(spec)
	}
	runtime.KeepAlive(handle)
	if err != nil {
		return nil, false, createError(t, err)
	}
	m, err = ebpf.NewMapFromFD(fd) // owns fd, also if it fails
	return m, spec.Link, err
}

func createError(t *Type, err error) error {
	switch {
	case errors.Is(err, sys.ENOTSUPP):
		return fmt.Errorf("create map: the kernel has type %s in its BTF, but hasn't registered it: %w (%w)", t.Name, ebpf.ErrNotSupported, err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("create map: it takes CAP_BPF and CAP_PERFMON, or root: %w", err)
	}
	return fmt.Errorf("create map: %w", err)
}

// moduleBTF opens the BTF of a module. The caller must close it.
func moduleBTF(name string) (*btf.Handle, error) {
	h, err := btf.FindHandle(func(info *btf.HandleInfo) bool { return info.IsModule() && info.Name == name })
	if err != nil {
		return nil, fmt.Errorf("find the BTF of module %s: %w", name, err)
	}
	return h, nil
}

// attachMap registers a map by a link.
func attachMap(m *ebpf.Map) (link.Link, error) {
	return link.AttachStructOps(link.StructOpsOptions{Map: m})
}

// fdOf returns the descriptor of a link.
func fdOf(l link.Link) (int, error) {
	raw, ok := l.(interface{ FD() int })
	if !ok {
		return -1, fmt.Errorf("%T has no descriptor", l)
	}
	return raw.FD(), nil
}

// updateLink has a link use another map. It refuses the map that the link has.
func updateLink(l link.Link, old, new *ebpf.Map) error {
	fd, err := fdOf(l)
	if err != nil {
		return err
	}
	oldID, err := mapID(old)
	if err != nil {
		return err
	}
	newID, err := mapID(new)
	if err != nil {
		return err
	}
	// The last place to look: see UpdateStructOpsLink. The kernel itself makes
	// sure that the link uses old.
	if now, err := sys.StructOpsLinkMap(fd); err != nil {
		return err
	} else if uint32(newID) == now || oldID == newID {
		return errSameMap
	}
	err = sys.UpdateStructOpsLink(fd, old.FD(), new.FD())
	runtime.KeepAlive(l)
	runtime.KeepAlive(old)
	runtime.KeepAlive(new)
	return err
}

// linkMap returns the id of the map that a link uses, 0 if it isn't a
// struct_ops link.
func linkMap(l link.Link) (ebpf.MapID, error) {
	info, err := l.Info()
	if err != nil || info.Type != link.StructOpsType {
		return 0, err
	}
	fd, err := fdOf(l)
	if err != nil {
		return 0, err
	}
	id, err := sys.StructOpsLinkMap(fd)
	runtime.KeepAlive(l)
	return ebpf.MapID(id), err
}

// valueType returns the id of the type of a struct_ops map's value.
func valueType(m *ebpf.Map) (uint32, error) { return sys.MapValueType(m.FD()) }

// eachLink calls fn with every struct_ops link, until it returns false. The
// link is closed afterwards.
func eachLink(fn func(link.Link, ebpf.MapID) bool) error {
	return links.Each(func(l link.Link) bool {
		id, err := linkMap(l)
		return err != nil || id == 0 || fn(l, id)
	})
}

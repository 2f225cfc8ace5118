package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/bpfx/go/internal/sys"
)

// typesOf returns the types of a map's keys and values, nil where it has none.
func typesOf(m *ebpf.Map) (key, value btf.Type, err error) {
	ids, err := sys.MapBTF(m.FD())
	runtime.KeepAlive(m)
	if err != nil {
		return nil, nil, fmt.Errorf("info of %v: %w", m, err)
	}
	if ids.BTF == 0 {
		return nil, nil, nil
	}
	handle, err := btf.NewHandleFromID(btf.ID(ids.BTF))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("BTF of %v: %w", m, err)
	}
	defer handle.Close() // was read only
	spec, err := handle.Spec(nil)
	if err != nil {
		return nil, nil, fmt.Errorf("BTF of %v: %w", m, err)
	}
	find := func(id uint32) (btf.Type, error) {
		if id == 0 {
			return nil, nil
		}
		return spec.TypeByID(btf.TypeID(id))
	}
	if key, err = find(ids.Key); err != nil {
		return nil, nil, err
	}
	value, err = find(ids.Value)
	return key, value, err
}

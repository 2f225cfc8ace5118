package structops

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/btf"
	"github.com/bpfx/go/internal/nearest"
)

// Types describes every struct_ops type of the running kernel and of the
// modules that are loaded, sorted by name. A type can be listed and still be
// refused by [Load]: BTF doesn't tell which ones the kernel has registered.
//
// The first call reads the kernel's BTF, which takes some 10 ms; later ones only
// look whether modules have come or gone. Returns an error wrapping
// [ebpf.ErrNotSupported] if the kernel has no BTF.
func Types() ([]*Type, error) {
	types, err := kernelTypes.list()
	if err != nil {
		return nil, fmt.Errorf("list struct_ops types: %w", err)
	}
	return slices.Clone(types), nil
}

// Lookup describes one struct_ops type of the running kernel or of a module
// that is loaded, such as "tcp_congestion_ops".
//
// Returns an error wrapping [ebpf.ErrNotSupported] that has the nearest names
// if there is none.
func Lookup(name string) (*Type, error) {
	t, err := kernelTypes.lookup(name)
	if err != nil {
		return nil, fmt.Errorf("struct_ops type %q: %w", name, err)
	}
	return t, nil
}

// kernelTypes are the types of the running kernel.
var kernelTypes = &typeCache{dir: "/sys/kernel/btf"}

// typeCache remembers the types, and of what listing of modules they are.
type typeCache struct {
	dir string

	mu      sync.Mutex
	known   bool
	modules string
	types   []*Type
}

func (c *typeCache) list() ([]*Type, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	modules := btf.Listing(c.dir)
	if c.known && c.modules == modules {
		return c.types, nil
	}
	types, err := readTypes(c.dir)
	if err != nil {
		return nil, err
	}
	c.types, c.modules, c.known = types, modules, true
	return types, nil
}

// lookup finds a type of the kernel itself, which can't change, without a look
// at the modules.
func (c *typeCache) lookup(name string) (*Type, error) {
	c.mu.Lock()
	t := find(c.types, name)
	c.mu.Unlock()
	if t != nil && t.Module == "" {
		return t, nil
	}
	types, err := c.list()
	if err != nil {
		return nil, err
	}
	if t := find(types, name); t != nil {
		return t, nil
	}
	near := nearest.New(name)
	all := make([]string, len(types))
	for i, t := range types {
		all[i] = t.Name
		near.Add(t.Name, t.Name)
	}
	return nil, fmt.Errorf("this kernel has none of that name%s; it has %s: %w",
		nearest.List(near.Names()), cmp.Or(strings.Join(all, ", "), "none at all"), ebpf.ErrNotSupported)
}

func find(types []*Type, name string) *Type {
	for _, t := range types {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// readTypes reads the BTF of the kernel and of all modules.
func readTypes(dir string) ([]*Type, error) {
	data, err := os.ReadFile(filepath.Join(dir, "vmlinux"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the kernel has no BTF (it needs CONFIG_DEBUG_INFO_BTF): %w", ebpf.ErrNotSupported)
	}
	if err != nil {
		return nil, err
	}
	vmlinux, err := btf.Parse(data, nil)
	if err != nil {
		return nil, err
	}
	kernel := kernelVersion()
	types, err := parseTypes(vmlinux, "", kernel)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() == "vmlinux" {
			continue
		}
		more, err := readModule(filepath.Join(dir, e.Name()), vmlinux, kernel)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", e.Name(), err)
		}
		types = append(types, more...)
	}
	slices.SortStableFunc(types, func(a, b *Type) int { return strings.Compare(a.Name, b.Name) })
	return types, nil
}

// readModule reads the types of one module. A module that is unloaded
// meanwhile has none.
func readModule(path string, vmlinux *btf.Raw, kernel string) ([]*Type, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := btf.Names(data, valuePrefix)
	if err != nil || len(names) == 0 {
		return nil, err // nearly all modules: no need to index them
	}
	raw, err := btf.Parse(data, vmlinux)
	if err != nil {
		return nil, err
	}
	return parseTypes(raw, filepath.Base(path), kernel)
}

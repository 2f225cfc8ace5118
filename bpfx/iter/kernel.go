package iter

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/btf"
	"github.com/bpfx/go/internal/nearest"
)

// How the kernel names what belongs to a target: DEFINE_BPF_ITER_FUNC in
// include/linux/bpf.h, and the context structs beside each.
const (
	funcPrefix    = "bpf_iter_"
	contextPrefix = "bpf_iter__"
)

// cache remembers the targets of the running kernel. Modules have none.
var cache struct {
	mu      sync.Mutex
	targets []*Target
}

func kernelTargets() ([]*Target, error) {
	cache.mu.Lock()
	defer cache.mu.Unlock()
	if cache.targets != nil {
		return cache.targets, nil
	}
	data, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the kernel has no BTF (it needs Linux with CONFIG_DEBUG_INFO_BTF): %w", ebpf.ErrNotSupported)
	}
	if err != nil {
		return nil, err
	}
	cache.targets, err = parseTargets(data)
	return cache.targets, err
}

// parseTargets finds the targets in raw BTF: those with a function and a context.
// The functions alone won't do: those of the iterators that programs loop over
// have the same prefix, such as bpf_iter_num_new.
func parseTargets(data []byte) ([]*Target, error) {
	raw, err := btf.Parse(data, nil)
	if err != nil {
		return nil, err
	}
	contexts := make(map[string]btf.Record)
	for rec := range raw.Prefixed(btf.KindStruct, contextPrefix) {
		contexts[strings.TrimPrefix(rec.Name, contextPrefix)] = rec
	}
	targets := []*Target{}
	for rec := range raw.Prefixed(btf.KindFunc, funcPrefix) {
		name := strings.TrimPrefix(rec.Name, funcPrefix)
		context, ok := contexts[name]
		if !ok {
			continue
		}
		delete(contexts, name) // a second function of that name would be a copy
		known := traits[name]
		t := &Target{Name: name, Context: context.Name, Params: known.params, Sleepable: known.sleepable, Since: known.since, id: rec.ID}
		if t.Members, err = members(raw, context); err != nil {
			return nil, fmt.Errorf("struct %s: %w", context.Name, err)
		}
		targets = append(targets, t)
	}
	slices.SortFunc(targets, func(a, b *Target) int { return strings.Compare(a.Name, b.Name) })
	return targets, nil
}

// members returns the members of a context. Each pointer is in a union of its
// own there, with 64 bits that make it as wide on all machines (__bpf_md_ptr).
func members(raw *btf.Raw, rec btf.Record) ([]Member, error) {
	fields, err := raw.Fields(rec)
	if err != nil {
		return nil, err
	}
	var list []Member
	for _, f := range fields {
		if f.Name != "" {
			m, err := member(raw, f)
			if err != nil {
				return nil, err
			}
			list = append(list, m)
			continue
		}
		inner, ok, err := raw.Resolve(f.Type)
		if err != nil || !ok {
			return nil, err
		}
		unnamed, err := members(raw, inner)
		if err != nil {
			return nil, err
		}
		for _, m := range unnamed {
			m.Offset += int(f.Bits / 8)
			list = append(list, m)
		}
	}
	return list, nil
}

func member(raw *btf.Raw, f btf.Field) (Member, error) {
	m := Member{Name: f.Name, Offset: int(f.Bits / 8)}
	size, err := raw.Sizeof(f.Type)
	if err != nil {
		return m, err
	}
	m.Size = int(size)
	if m.Type, err = raw.Declare(f.Type, ""); err != nil {
		return m, err
	}
	m.decl, err = raw.Declare(f.Type, f.Name)
	return m, err
}

// noTarget says why there is no target of a name.
func noTarget(name string, targets []*Target) error {
	near := nearest.New(name)
	all := make([]string, len(targets))
	for i, t := range targets {
		all[i] = t.Name
		near.Add(t.Name, t.Name)
	}
	has := cmp.Or(strings.Join(all, ", "), "none at all")
	if known, ok := traits[name]; ok {
		return fmt.Errorf("this kernel lacks it: Requires Linux %s, and that its subsystem is built in; it has %s: %w", known.since, has, ebpf.ErrNotSupported)
	}
	for _, known := range slices.Sorted(maps.Keys(traits)) {
		if find(targets, func(t *Target) bool { return t.Name == known }) == nil {
			near.Add(known, fmt.Sprintf("%s, which requires Linux %s", known, traits[known].since))
		}
	}
	return fmt.Errorf("there is none of that name%s; this kernel has %s: %w", nearest.List(near.Names()), has, ebpf.ErrNotSupported)
}

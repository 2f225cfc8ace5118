package bpfx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/scope"
)

// Collection is an object file in the kernel: its programs, maps and global
// variables by name. It must be closed; its methods may be called from many
// goroutines.
type Collection struct {
	// Spec is what the collection was loaded from, section names included.
	// It must not be changed.
	Spec *ebpf.CollectionSpec
	// Programs are closed with the collection. Closing one before is fine.
	Programs map[string]*Program
	// Maps are closed with the collection. Closing one before is fine.
	Maps map[string]*ebpf.Map
	// Variables is set to nil by Close: the memory of variables is only given
	// back when the garbage collector finds that nothing refers to them.
	Variables map[string]*ebpf.Variable

	once sync.Once
}

// LoadCollection loads all programs and maps of spec, for example of
// [ebpf.LoadCollectionSpec], or none: if one can't be loaded, those that were
// are closed again. opts may be nil. Unless opts.Cache is set, loads share one
// decoded copy of the kernel's BTF: see [ReleaseBTF].
//
// Returns errors as [Load] does.
func LoadCollection(spec *ebpf.CollectionSpec, opts *ebpf.CollectionOptions) (*Collection, error) {
	if spec == nil {
		return nil, errors.New("load collection: nil spec")
	}
	if what := nilPart(spec); what != "" {
		return nil, fmt.Errorf("load collection: nil spec of %s", what)
	}
	if opts == nil {
		opts = &ebpf.CollectionOptions{}
	}
	removeMemlock()
	coll, err := newCollection(spec, *opts)
	if err != nil {
		return nil, collectionError(spec, err)
	}
	c := &Collection{
		Spec:      spec,
		Programs:  make(map[string]*Program, len(coll.Programs)),
		Maps:      coll.Maps,
		Variables: coll.Variables,
	}
	for name, p := range coll.Programs {
		c.Programs[name] = Wrap(p)
	}
	return c, nil
}

// nilPart returns the first part of spec that is nil, which cilium/ebpf relies
// on not to be, "" if there is none.
func nilPart(spec *ebpf.CollectionSpec) string {
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		if spec.Programs[name] == nil {
			return fmt.Sprintf("program %q", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Maps)) {
		if spec.Maps[name] == nil {
			return fmt.Sprintf("map %q", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Variables)) {
		if spec.Variables[name] == nil {
			return fmt.Sprintf("variable %q", name)
		}
	}
	return ""
}

// Close closes all programs, and thereby detaches them, and then all maps.
// All errors are joined. Closing twice is fine.
func (c *Collection) Close() (err error) {
	if c == nil {
		return nil
	}
	c.once.Do(func() { err = c.close() })
	return err
}

func (c *Collection) close() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Programs)) {
		if err := c.Programs[name].Close(); err != nil {
			errs = append(errs, fmt.Errorf("close program %q: %w", name, err))
		}
	}
	errs = append(errs, closeMaps(c.Maps))
	c.Variables = nil
	return scope.Join(errs...)
}

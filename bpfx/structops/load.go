package structops

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
)

// Load checks s with [Validate], loads its programs and maps and puts the
// operations into the kernel, or none of it. It doesn't register them: call
// [Ops.Register]. The Ops must be closed.
//
// Returns a [*ValidationError] with everything that is wrong with s, a
// [*bpfx.LoadError] if the verifier refuses a program, whose Program is the
// member, and an error wrapping [ebpf.ErrNotSupported] if the kernel doesn't
// have the type. On kernels before 5.11 the first Load lifts the process's
// RLIMIT_MEMLOCK. Requires Linux 5.6.
func Load(s *Spec) (*Ops, error) {
	if s == nil {
		return nil, fmt.Errorf("load struct_ops: %w", errNilSpec)
	}
	t, err := s.lookup()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if err := Validate(s, t); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	return load(s, t)
}

// load is Load without Validate: what is wrong the kernel says.
func load(s *Spec, t *Type) (_ *Ops, err error) {
	o := &Ops{typ: t, spec: s.Copy()}
	defer func() {
		if err != nil {
			err = scope.Join(fmt.Errorf("load struct_ops %v: %w", s, err), o.Close())
		}
	}()
	if err := o.loadPrograms(); err != nil {
		return nil, err
	}
	fds := make(map[string]int, len(o.Programs))
	for name, p := range o.Programs {
		fds[name] = p.FD()
	}
	if o.value, err = t.value(s, fds); err != nil {
		return nil, err
	}
	if err := o.newMap(); err != nil {
		return nil, err
	}
	return o, nil
}

// loadPrograms loads each program for the member that it is for.
func (o *Ops) loadPrograms() error {
	coll := &ebpf.CollectionSpec{
		Programs:  make(map[string]*ebpf.ProgramSpec, len(o.spec.Funcs)),
		Maps:      o.spec.Maps,
		Variables: o.spec.Variables,
	}
	for name, spec := range o.spec.Funcs {
		p := spec.Copy()
		p.Type, p.AttachType, p.AttachTo = ebpf.StructOps, ebpf.AttachStructOps, o.typ.Name+":"+name
		if p.Name == "" {
			p.Name = name
		}
		coll.Programs[name] = p
	}
	c, err := bpfx.LoadCollection(coll, &ebpf.CollectionOptions{MapReplacements: o.spec.MapReplacements})
	if err != nil {
		return err
	}
	o.coll, o.Programs, o.Maps, o.Variables = c, c.Programs, c.Maps, c.Variables
	return nil
}

// newMap makes the map. One that is registered by a link is filled now, which
// doesn't register it; others are registered when they are.
func (o *Ops) newMap() error {
	if o.value == nil {
		return errors.New("its programs aren't at hand: Load it anew")
	}
	m, linked, err := createMap(o.typ, objectName(o.spec.Name), !o.spec.NoLink)
	if err != nil {
		return err
	}
	o.linked = linked
	if linked {
		if err := m.Put(uint32(0), o.value); err != nil {
			return scope.Join(fmt.Errorf("the kernel refuses the values: %w", notSupported(err)), scope.CloseAlive(m))
		}
	}
	id, err := mapID(m)
	if err != nil {
		return scope.Join(err, scope.CloseAlive(m))
	}
	o.retire()
	o.m, o.id = m, id
	return nil
}

// retire puts the map aside as long as sockets use it, which [Ops.Users] counts.
func (o *Ops) retire() {
	if o.m == nil {
		return
	}
	o.old = slices.DeleteFunc(append(o.old, o.m), func(m *ebpf.Map) bool {
		_, refs, err := readState(m)
		return err == nil && refs <= 0 && scope.CloseAlive(m) == nil
	})
}

// objectName makes a name that a BPF object may have.
func objectName(name string) string {
	name = strings.Map(func(r rune) rune {
		if notObjectName(r) {
			return '_'
		}
		return r
	}, name)
	return name[:min(15, len(name))]
}

func mapID(m *ebpf.Map) (ebpf.MapID, error) {
	info, err := m.Info()
	if err != nil {
		return 0, err
	}
	id, ok := info.ID()
	if !ok {
		return 0, errors.New("the kernel doesn't tell the map's id")
	}
	return id, nil
}

// With loads s, calls fn with the operations and closes them, which also
// unregisters them.
//
// If loading fails, fn is not called and the error is returned, wrapped. When
// fn returns, its error comes back unchanged if closing works; an error of
// closing is joined to it. Closing is deferred, so it also happens if fn
// panics, or ends the goroutine as testing's FailNow does; panics are not
// recovered. The Ops must not be used after fn returns.
func With(s *Spec, fn func(*Ops) error) error {
	return scope.With(func() (*Ops, error) { return Load(s) }, fn)
}

// WithRegistered is [With] with operations that are registered. The contract is
// the same, for loading and registering alike.
func WithRegistered(s *Spec, fn func(*Ops) error) error {
	if fn == nil {
		return scope.ErrNilFunc
	}
	return With(s, func(o *Ops) error {
		if err := o.Register(); err != nil {
			return err
		}
		return fn(o)
	})
}

// notSupported adds [ebpf.ErrNotSupported] to EOPNOTSUPP.
func notSupported(err error) error {
	if errors.Is(err, syscall.EOPNOTSUPP) && !errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("%w (%w)", ebpf.ErrNotSupported, err)
	}
	return err
}

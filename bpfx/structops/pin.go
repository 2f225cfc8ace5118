package structops

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
)

// Pin keeps the operations registered beyond Close and the end of the process,
// until [Ops.Unregister] of what [LoadPinned] returns, or, if they are
// registered by a link, until the file at path is removed. path must be on a
// bpf filesystem.
//
// Returns [ErrNotRegistered] if they aren't registered, and an error wrapping
// [os.ErrExist] if the file is there already.
func (o *Ops) Pin(path string) error {
	if o == nil {
		return errNilOps
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var err error
	switch {
	case o.closed:
		err = errClosed
	case !o.registered():
		err = ErrNotRegistered
	case o.pinned != "":
		err = fmt.Errorf("pinned already, at %s", o.pinned)
	case o.link != nil:
		err = o.link.Pin(path)
	default:
		err = o.m.Pin(path)
	}
	if err != nil {
		return fmt.Errorf("pin %v: %w", o, err)
	}
	o.pinned = path
	return nil
}

// Unpin removes the file that Pin made. The operations stay registered until
// Close. Unpinning what isn't pinned is fine.
func (o *Ops) Unpin() error {
	if o == nil {
		return errNilOps
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return fmt.Errorf("unpin %v: %w", o, errClosed)
	}
	if err := o.unpin(); err != nil {
		return fmt.Errorf("unpin %v: %w", o, err)
	}
	return nil
}

func (o *Ops) unpin() error {
	if o.pinned == "" {
		return nil
	}
	var err error
	if o.link != nil {
		err = o.link.Unpin()
	} else {
		err = o.m.Unpin()
	}
	if err == nil || errors.Is(err, os.ErrNotExist) {
		o.pinned = ""
		return nil
	}
	return err
}

// LoadPinned opens operations that were pinned, by this process or another.
// They are registered and can be replaced and unregistered; their programs and
// maps are not at hand. Close leaves them registered while the pin is there.
//
// Returns an error wrapping [os.ErrNotExist] if there is nothing at path.
// Requires CAP_SYS_ADMIN if they are registered by a link.
func LoadPinned(path string) (*Ops, error) {
	o, err := loadPinned(path)
	if err != nil {
		return nil, fmt.Errorf("load pinned struct_ops: %w", err)
	}
	return o, nil
}

func loadPinned(path string) (_ *Ops, err error) {
	o := &Ops{}
	defer func() {
		if err != nil {
			err = scope.Join(err, o.drop())
		}
	}()
	a, linkErr := bpfx.LoadPinnedAttachment(path)
	if linkErr != nil {
		m, err := ebpf.LoadPinnedMap(path, nil)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil, linkErr // which says the same
		case err != nil:
			return nil, fmt.Errorf("%w; as a map: %w", linkErr, err)
		}
		o.m = m
		if m.Type() != ebpf.StructOpsMap {
			return nil, fmt.Errorf("%s is a map of type %v", path, m.Type())
		}
		state, _, err := readState(m)
		if err != nil {
			return nil, err
		}
		o.inUse = state == stateInUse
	} else {
		o.link, o.linked = a, true
		if err := o.openLinked(a, path); err != nil {
			return nil, err
		}
	}
	o.pinned = path
	return o, o.identify()
}

// openLinked opens the map that a link uses.
func (o *Ops) openLinked(a *bpfx.Attachment, path string) error {
	l, ok := a.Link()
	if !ok {
		return ErrNotRegistered
	}
	id, err := linkMap(l)
	if err != nil {
		return err
	}
	if id == 0 {
		return fmt.Errorf("%s is a link, but none of struct_ops, or somebody has unregistered them", path)
	}
	o.m, err = ebpf.NewMapFromID(id)
	return err
}

// identify finds type and name of a map.
func (o *Ops) identify() error {
	t, value, err := identify(o.m)
	if err != nil {
		return err
	}
	if o.id, err = mapID(o.m); err != nil {
		return err
	}
	o.typ = t
	o.spec = &Spec{Type: t.Name, Name: t.nameOf(value), NoLink: !o.linked}
	return nil
}

// identify returns the type of a struct_ops map and its value.
func identify(m *ebpf.Map) (*Type, []byte, error) {
	id, err := valueType(m)
	if err != nil {
		return nil, nil, err
	}
	types, err := Types()
	if err != nil {
		return nil, nil, err
	}
	value, err := readValue(m)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range types {
		if t.valueID == id && t.valueSize == int(m.ValueSize()) {
			return t, value, nil
		}
	}
	return nil, nil, fmt.Errorf("BTF id %d: %w", id, errUnknownType)
}

// errUnknownType is returned for a map of a type that no BTF has any more: that
// of a module which went meanwhile.
var errUnknownType = errors.New("no struct_ops type has it")

// drop closes what a LoadPinned that failed has opened, and unregisters nothing.
func (o *Ops) drop() error {
	var errs []error
	if o.link != nil {
		errs = append(errs, o.link.Close())
	}
	if o.m != nil {
		errs = append(errs, scope.CloseAlive(o.m))
	}
	return scope.Join(errs...)
}

package structops

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/cilium/ebpf"
)

// replacing is held by Replace, which locks two Ops.
var replacing sync.Mutex

// Replace swaps o for new, at once and without a moment in which neither is
// registered: connections that are made from now on use new. Those that are
// open keep o until they are closed or [UseTCPCC] is called for them again, so
// o stays in the kernel until then: see [Ops.WaitUnused]. Closing o is fine.
//
// The registration, with its pin, moves to new: new is registered and o no
// longer is, and o.Close doesn't undo that.
//
// Type and name must be the same. Returns [ErrNotRegistered] if o isn't
// registered, [ErrRegistered] if new is, and an error wrapping
// [ebpf.ErrNotSupported] if the kernel can't do it for this type or these
// operations have no link. Requires Linux 6.4.
func (o *Ops) Replace(new *Ops) error {
	if o == nil {
		return errNilOps
	}
	if err := o.replace(new); err != nil {
		return fmt.Errorf("replace %v: %w", o, err)
	}
	return nil
}

func (o *Ops) replace(new *Ops) error {
	switch new {
	case nil:
		return errNilOps
	case o:
		return errSameMap
	}
	replacing.Lock()
	defer replacing.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	new.mu.Lock()
	defer new.mu.Unlock()
	if err := o.replaceable(new); err != nil {
		return err
	}
	l, ok := o.link.Link()
	if !ok {
		return ErrNotRegistered
	}
	if err := updateLink(l, o.m, new.m); err != nil {
		return replaceError(err)
	}
	new.link, o.link = o.link, nil
	new.pinned, o.pinned = o.pinned, ""
	return nil
}

// replaceable reports why new can't take the place of o. The kernel checks less
// than this, and says EINVAL.
func (o *Ops) replaceable(new *Ops) error {
	switch {
	case o.closed:
		return errClosed
	case new.closed:
		return fmt.Errorf("by %v: %w", new, errClosed)
	case o.id == new.id:
		return errSameMap
	case !o.registered():
		return fmt.Errorf("%w: register the new ones instead", ErrNotRegistered)
	case !o.linked:
		return fmt.Errorf("registered without a link, which it takes (Linux 6.4, not NoLink): unregister it and register the new ones; "+
			"connections that are made in between get the default: %w", ebpf.ErrNotSupported)
	case new.registered():
		return fmt.Errorf("by %v: %w", new, ErrRegistered)
	case o.typ.Name != new.typ.Name:
		return fmt.Errorf("by %v: it is of another type", new)
	case o.spec.Name != new.spec.Name:
		return fmt.Errorf("by %v: the kernel wants the same name; register it beside", new)
	case !new.linked:
		return fmt.Errorf("by %v: it isn't ready for a link: load it without NoLink", new)
	}
	return nil
}

// replaceError adds what errnos of BPF_LINK_UPDATE mean.
func replaceError(err error) error {
	switch {
	case errors.Is(err, syscall.EPERM) && os.Geteuid() == 0:
		return fmt.Errorf("somebody else has replaced the operations meanwhile: %w", err)
	case errors.Is(err, syscall.ENOLINK):
		return fmt.Errorf("somebody else has unregistered the operations meanwhile: %w", err)
	}
	return notSupported(err)
}

package structops

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/bpfx/go/internal/scope"
)

// UnregisterByName unregisters the operations of that name, whoever has
// registered them: those that a process without links has left behind, and
// those that a pin or another process holds. Sockets that use them keep them.
//
// Returns an error wrapping [os.ErrNotExist] if BPF has registered none of that
// name, and [ebpf.ErrNotSupported] if they are held by a link and the kernel
// can't detach it, which takes Linux 6.11. Requires CAP_SYS_ADMIN.
func UnregisterByName(name string) error {
	if err := unregisterByName(name); err != nil {
		return fmt.Errorf("unregister struct_ops %q: %w", name, err)
	}
	return nil
}

func unregisterByName(name string) error {
	if name == "" {
		return errors.New("empty name")
	}
	done := false
	err := eachMap(func(m *ebpf.Map, t *Type, value []byte) error {
		if t.nameOf(value) != name {
			return nil
		}
		state, _, err := readState(m)
		if err != nil {
			return err
		}
		switch state {
		case stateInUse:
			switch err := m.Delete(uint32(0)); {
			case err == nil:
				done = true
			case !isUnregistered(err):
				return err
			}
		case stateReady:
			n, err := detachLinks(m)
			if err != nil {
				return err
			}
			done = done || n > 0
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !done {
		return fmt.Errorf("BPF has registered none of that name: %w", os.ErrNotExist)
	}
	return nil
}

// detachLinks detaches the links that use a map.
func detachLinks(m *ebpf.Map) (n int, err error) {
	id, err := mapID(m)
	if err != nil {
		return 0, err
	}
	var failed error
	err = eachLink(func(l link.Link, uses ebpf.MapID) bool {
		if uses != id {
			return true
		}
		if failed = l.Detach(); failed != nil {
			return false
		}
		n++
		return true
	})
	if errors.Is(failed, syscall.EOPNOTSUPP) || errors.Is(failed, ebpf.ErrNotSupported) {
		failed = fmt.Errorf("a link holds them, which can be detached from Linux 6.11 on: remove its pin or end the process: %w", notSupported(failed))
	}
	return n, scope.Join(err, failed)
}

// clearing is how long a program array that was opened by its id stays open.
// If that id was all that was left of it, the kernel is about to empty it, and
// to close it before that is done leaves it in the kernel for ever:
// prog_array_map_clear in kernel/bpf/arraymap.c counts it up for work that is
// queued already.
const clearing = 50 * time.Millisecond

// eachMap calls fn with every struct_ops map of the kernel, its type and value.
// Maps that go meanwhile are left out.
func eachMap(fn func(*ebpf.Map, *Type, []byte) error) (err error) {
	var arrays []*ebpf.Map
	defer func() {
		if len(arrays) > 0 {
			time.Sleep(clearing)
		}
		for _, m := range arrays {
			err = scope.Join(err, scope.CloseAlive(m))
		}
	}()
	for id := ebpf.MapID(0); ; {
		next, err := ebpf.MapGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		id = next
		m, err := ebpf.NewMapFromID(id)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		switch m.Type() {
		case ebpf.ProgramArray:
			arrays = append(arrays, m)
			continue
		case ebpf.StructOpsMap:
			err = identified(m, fn)
		}
		if err := scope.Join(err, scope.CloseAlive(m)); err != nil {
			return err
		}
	}
}

// identified calls fn with a map, its type and value.
func identified(m *ebpf.Map, fn func(*ebpf.Map, *Type, []byte) error) error {
	t, value, err := identify(m)
	if errors.Is(err, errUnknownType) {
		return nil
	}
	if err != nil {
		return err
	}
	return fn(m, t, value)
}

// holder says who has a name.
func holder(t *Type, name string) (who string) {
	err := eachMap(func(m *ebpf.Map, other *Type, value []byte) error {
		if other.Name != t.Name || t.nameOf(value) != name {
			return nil
		}
		state, _, err := readState(m)
		if err != nil {
			return err
		}
		id, err := mapID(m)
		if err != nil {
			return err
		}
		held := state == stateInUse
		if state == stateReady {
			err = eachLink(func(_ link.Link, uses ebpf.MapID) bool { held = uses == id; return !held })
		}
		if held {
			who = fmt.Sprintf("struct_ops map %d (UnregisterByName takes it away)", id)
		}
		return err
	})
	switch {
	case who != "":
	case err != nil:
		who = fmt.Sprintf("somebody (who can't be told: list struct_ops maps: %v)", err)
	default:
		who = "the kernel or one of its modules"
	}
	return fmt.Sprintf("%s: %q", who, name)
}

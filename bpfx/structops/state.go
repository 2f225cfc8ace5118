package structops

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
)

// States of a map (enum bpf_struct_ops_state, kernel/bpf/bpf_struct_ops.c).
const (
	stateInit     = 0
	stateInUse    = 1 // registered, without a link
	stateToBeFree = 2
	stateReady    = 3 // can be linked
)

// readState reads the state of a struct_ops map and its count of references,
// which start its value.
func readState(m *ebpf.Map) (state uint32, refs int, err error) {
	value, err := readValue(m)
	if err != nil {
		return 0, 0, err
	}
	return binary.NativeEndian.Uint32(value[4:]), int(int32(binary.NativeEndian.Uint32(value))), nil
}

func readValue(m *ebpf.Map) ([]byte, error) {
	value := make([]byte, m.ValueSize())
	if err := m.Lookup(uint32(0), &value); err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	if len(value) < 8 {
		return nil, fmt.Errorf("read the state: a value of %d bytes", len(value))
	}
	return value, nil
}

// Users estimates how many sockets use the operations, also ones that were
// unregistered or replaced. It is the kernel's count of references to the map,
// which others, such as a process that looks at the map, may hold for a moment.
func (o *Ops) Users() (int, error) {
	if o == nil {
		return 0, errNilOps
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return 0, fmt.Errorf("count users of %v: %w", o, errClosed)
	}
	users := 0
	for _, m := range append(o.old[:len(o.old):len(o.old)], o.m) {
		_, refs, err := readState(m)
		if err != nil {
			return 0, fmt.Errorf("count users of %v: %w", o, err)
		}
		users += max(0, refs)
	}
	if o.registered() {
		users-- // the registration
	}
	return max(0, users), nil
}

// WaitUnused waits until no socket uses the operations, as far as [Ops.Users]
// can tell. Returns the error of ctx, with the number of users, if that comes
// first. New connections may use them as long as they are registered.
func (o *Ops) WaitUnused(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := o.Users()
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %v is unused: some %d sockets use it: %w", o, n, ctx.Err())
		case <-tick.C:
		}
	}
}

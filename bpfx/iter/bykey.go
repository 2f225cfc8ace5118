package iter

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// byKey reads a map key by key. The kernel goes on at the first key if the one
// before is gone by then: keys that were given are remembered, so that none is
// given again and the walk ends.
func (t *table) byKey(fn func(key, value []byte) bool) error {
	w := walker{t: t, seen: make(map[string]struct{})}
	if t.steady() {
		w.seen = nil
	}
	w.key = make([]byte, t.keySize)
	w.value = make([]byte, t.full)
	limit := 4*uint64(t.m.MaxEntries()) + 64
	for steps := uint64(0); ; steps++ {
		again, err := w.next()
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err == nil && steps > limit {
			err = fmt.Errorf("entries are deleted faster than they are read, %d steps led nowhere: %w", steps, ebpf.ErrIterationAborted)
		}
		if err != nil {
			return fmt.Errorf("dump %v: %w", t.m, err)
		}
		if again {
			continue
		}
		there, err := w.lookup()
		if err != nil {
			return fmt.Errorf("dump %v: %w", t.m, err)
		}
		if there && !fn(w.key, w.value) {
			return nil
		}
	}
}

// steady reports whether no key of the map can vanish.
func (t *table) steady() bool {
	switch t.m.Type() {
	case ebpf.Array, ebpf.PerCPUArray, ebpf.ProgramArray, ebpf.ArrayOfMaps, ebpf.DevMap, ebpf.CPUMap, ebpf.SockMap, ebpf.ReusePortSockArray:
		return true
	}
	return false
}

type walker struct {
	t     *table
	key   []byte // the last one
	on    bool   // there is a last one
	value []byte
	seen  map[string]struct{} // nil if none can come again
}

// next goes to the next key, and reports whether it was seen before.
func (w *walker) next() (again bool, err error) {
	var from any
	if w.on {
		from = w.key
	}
	if err := w.t.m.NextKey(from, w.key); err != nil {
		return false, err
	}
	w.on = true
	if w.seen == nil {
		return false, nil
	}
	if _, again = w.seen[string(w.key)]; !again {
		w.seen[string(w.key)] = struct{}{}
	}
	return again, nil
}

// lookup reads the value of the key, and reports whether it is still there.
func (w *walker) lookup() (there bool, err error) {
	if w.t.cpus > 0 {
		w.value, err = w.t.m.LookupBytes(w.key)
		return w.value != nil, err
	}
	err = w.t.m.Lookup(w.key, w.value)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return false, nil
	}
	return err == nil, err
}

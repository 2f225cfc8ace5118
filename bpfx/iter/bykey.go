package iter

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// byKey reads a map key by key, with BPF_MAP_GET_NEXT_KEY. The kernel starts
// over at the first key if the one before is gone by then. Keys that were given
// are remembered, so that none is given again, and so that there is one to go
// on from.
func (t *table) byKey(fn func(block) bool) error {
	w := walker{t: t, key: make([]byte, t.keySize), value: make([]byte, t.full)}
	if !t.steady() {
		w.seen = make(map[string]struct{})
	}
	// Far more than it takes unless keys come and go all the time.
	limit := 4*uint64(t.m.MaxEntries()) + 64
	for steps := uint64(0); ; steps++ {
		fresh, err := w.next()
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err == nil && steps > limit {
			err = fmt.Errorf("entries are deleted faster than they are read: %w", ebpf.ErrIterationAborted)
		}
		there := false
		if err == nil && fresh {
			there, err = w.lookup(w.key)
		}
		if err != nil {
			return fmt.Errorf("dump %v: %w", t.m, err)
		}
		if there && !fn(block{1, w.key, w.value, 0, 0}) {
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

// A walker is where byKey is.
type walker struct {
	t          *table
	key, value []byte
	started    bool
	seen       map[string]struct{} // nil if keys can't vanish
	path       []string            // keys to go on from, the best one last
	dead       string              // the key that was last given up
}

// next goes to the next key, and reports whether it wasn't given yet.
func (w *walker) next() (fresh bool, err error) {
	if w.seen == nil {
		var from any
		if w.started {
			from = w.key
		}
		w.started = true
		return true, w.t.m.NextKey(from, w.key)
	}
	var from any
	if n := len(w.path); n > 0 {
		from = w.path[n-1]
	}
	err = w.t.m.NextKey(from, w.key)
	if errors.Is(err, ebpf.ErrKeyNotExist) && from != nil && w.t.endsEarly() {
		return false, w.back(err)
	}
	if err != nil {
		return false, err
	}
	key := string(w.key)
	if _, again := w.seen[key]; again && from != nil {
		there, err := w.lookup([]byte(from.(string)))
		if err != nil {
			return false, err
		}
		if !there { // hence the kernel started over
			w.path = w.path[:len(w.path)-1]
			return false, nil
		}
	}
	before := len(w.seen)
	w.seen[key] = struct{}{}
	w.path = append(w.path, key)
	return len(w.seen) > before, nil
}

// back gives up the last key if it is gone, and otherwise returns end. The next
// key after the one before it may be the same that is gone, on kernels that don't
// know the end of the list: it is the end then.
func (w *walker) back(end error) error {
	last := w.path[len(w.path)-1]
	there, err := w.lookup([]byte(last))
	if err != nil {
		return err
	}
	if there || last == w.dead {
		return end
	}
	w.dead = last
	w.path = w.path[:len(w.path)-1]
	return nil
}

// endsEarly reports whether the kernel says that a key is the last if it is gone
// (cgroup_storage_get_next_key in kernel/bpf/local_storage.c).
func (t *table) endsEarly() bool {
	return t.m.Type() == ebpf.CGroupStorage || t.m.Type() == ebpf.PerCPUCGroupStorage
}

// lookup reads the value of a key, and reports whether it is there.
func (w *walker) lookup(key []byte) (there bool, err error) {
	if w.t.cpus > 0 {
		w.value, err = w.t.m.LookupBytes(key)
		return w.value != nil, err
	}
	err = w.t.m.Lookup(key, w.value)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return false, nil
	}
	return err == nil, err
}

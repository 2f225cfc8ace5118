package iter

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
)

// A table is a map whose entries are read as bytes.
type table struct {
	m       *ebpf.Map
	method  Method
	keySize int // bytes
	// valueSize is the size of one value, full that of what comes with a key: a
	// value, or one for each of cpus, each padded to a multiple of 8.
	valueSize, full int // bytes
	cpus            int // 0 if there is one value

	mu     sync.Mutex
	closed bool
	large  bool  // a pass found more entries than the trial reads
	failed error // why there will be no iterator
	prog   *bpfx.Program
	it     *Iterator
}

// set sets up a table whose map and method are set.
func (t *table) set() error {
	m := t.m
	if m == nil || m.Type() == ebpf.UnspecifiedMap {
		return errors.New("dump map: nil map: open one first")
	}
	if t.method < Fastest || t.method > ByKey {
		return fmt.Errorf("dump %v: unknown method %v", m, t.method)
	}
	if err := t.check(); err != nil {
		return err
	}
	if why := unreadable(m); why != "" {
		return fmt.Errorf("dump %v: %s: %w", m, why, ebpf.ErrNotSupported)
	}
	t.keySize, t.valueSize = int(m.KeySize()), int(m.ValueSize())
	t.full = t.valueSize
	switch m.Type() {
	case ebpf.PerCPUHash, ebpf.LRUCPUHash, ebpf.PerCPUArray, ebpf.PerCPUCGroupStorage:
		cpus, err := ebpf.PossibleCPU()
		if err != nil {
			return fmt.Errorf("dump %v: %w", m, err)
		}
		t.cpus, t.full = cpus, cpus*roundUp(t.valueSize, 8)
	}
	return nil
}

// unreadable says why the entries of a map can't be read one by one, and what
// to do instead; "" if they can.
func unreadable(m *ebpf.Map) string {
	switch m.Type() {
	case ebpf.Queue, ebpf.Stack:
		return "it has no keys: take values with LookupAndDelete"
	case ebpf.RingBuf, ebpf.UserRingbuf:
		return "it has no entries: read it with package ringbuf"
	case ebpf.PerfEventArray:
		return "its values can't be read: read events with package perf"
	case ebpf.BloomFilter:
		return "it has no keys: ask for a value with Lookup"
	case ebpf.Arena:
		return "it has no entries: map it with Memory"
	case ebpf.CGroupArray, ebpf.XSKMap:
		return "its values can't be read"
	case ebpf.SockMap, ebpf.SockHash, ebpf.ReusePortSockArray:
		if m.ValueSize() != 8 {
			return "its values are read as the cookies of the sockets, for which it has no room: make it with values of 8 bytes"
		}
	case ebpf.SkStorage, ebpf.InodeStorage, ebpf.TaskStorage, ebpf.CgroupStorage:
		return "the kernel doesn't list its keys: look up those of descriptors you have"
	}
	switch size := int64(m.KeySize()) + int64(m.ValueSize()); {
	case m.KeySize() == 0 || m.ValueSize() == 0:
		return "it has no keys or no values"
	case size > maxRecord:
		return fmt.Sprintf("its entries have %d bytes: look them up one by one", size)
	}
	return ""
}

// check returns an error if the map or the dump is closed.
func (t *table) check() error {
	if t.m.FD() < 0 {
		return fmt.Errorf("dump %v: the map is closed: %w", t.m, os.ErrClosed)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.checkOpen()
}

// checkOpen returns an error after close. The caller holds t.mu.
func (t *table) checkOpen() error {
	if t.closed {
		return fmt.Errorf("dump %v: %w", t.m, os.ErrClosed)
	}
	return nil
}

// pass calls fn with all entries, many at once, until it returns false. The bytes are only
// valid during the call. It returns the method, and why no faster one was used.
func (t *table) pass(fn func(block) bool) (used Method, reason, err error) {
	if err := t.check(); err != nil {
		return t.method, nil, err
	}
	switch t.method {
	case ByIterator:
		return ByIterator, nil, t.program(fn)
	case ByBatch:
		return ByBatch, nil, newBatches(t).each(fn)
	case ByKey:
		return ByKey, nil, t.byKey(fn)
	}
	return t.auto(fn)
}

// auto reads a batch of a few hundred entries. If that is all, they are it: to
// load a program takes as long as to read some hundred of them. If it isn't, it
// drops them, since an iterator starts at the first entry, or goes on with
// batches if there is no iterator.
func (t *table) auto(fn func(block) bool) (used Method, reason, err error) {
	if !t.iterable() {
		return ByKey, fmt.Errorf("batches and iterators don't read %v maps: %w", t.m.Type(), ebpf.ErrNotSupported), t.byKey(fn)
	}
	var trial *batcher
	var noBatch error
	if !t.knownLarge() {
		trial = newTrial(t)
		n, err := trial.next()
		switch {
		case err != nil:
			trial, noBatch = nil, err
		case trial.done:
			trial.give(n, fn)
			return ByBatch, nil, nil
		}
	}
	it, noProgram := t.iterator()
	if noProgram == nil {
		t.setLarge()
		return ByIterator, nil, t.read(it, fn)
	}
	if errors.Is(noProgram, os.ErrClosed) {
		return ByIterator, nil, noProgram
	}
	if noBatch != nil {
		return ByKey, errors.Join(noProgram, noBatch), t.byKey(fn)
	}
	if trial == nil {
		return ByBatch, noProgram, newBatches(t).each(fn)
	}
	return ByBatch, noProgram, trial.rest(fn)
}

// iterable reports whether the map is of a type for which the kernel has
// iterators of its elements, bpf_iter_attach_map in kernel/bpf/map_iter.c. All
// of them have batches too, of one pass that ends.
func (t *table) iterable() bool {
	switch t.m.Type() {
	case ebpf.Hash, ebpf.LRUHash, ebpf.Array, ebpf.PerCPUHash, ebpf.LRUCPUHash, ebpf.PerCPUArray:
		return true
	}
	return false
}

func (t *table) knownLarge() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.large
}

func (t *table) setLarge() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.large = true
}

// program reads the map with an iterator.
func (t *table) program(fn func(block) bool) error {
	it, err := t.iterator()
	if err != nil {
		return err
	}
	return t.read(it, fn)
}

func (t *table) read(it *Iterator, fn func(block) bool) error {
	r := newMapRecord(t.keySize, t.full)
	size := r.size()
	err := blocks(it, size, nil, func(records []byte) bool {
		return fn(block{len(records) / size, records, records[r.at:], size, size})
	})
	if err != nil {
		return fmt.Errorf("dump %v: %w", t.m, err)
	}
	return nil
}

// iterator returns the iterator over the map, and makes it the first time.
func (t *table) iterator() (*Iterator, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.checkOpen(); err != nil {
		return nil, err
	}
	if t.it != nil || t.failed != nil {
		return t.it, t.failed
	}
	if err := t.open(); err != nil {
		err = fmt.Errorf("dump %v: %w", t.m, err)
		if !passing(err) {
			t.failed = err
		}
		return nil, err
	}
	return t.it, nil
}

// passing reports whether an error is one of the moment.
func passing(err error) bool {
	return slices.ContainsFunc([]error{syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.EINTR, syscall.EAGAIN}, func(errno error) bool {
		return errors.Is(err, errno)
	})
}

// open loads a program for the map and opens an iterator of it.
func (t *table) open() error {
	if !t.iterable() {
		return fmt.Errorf("the kernel has no iterator over %v maps: %w", t.m.Type(), ebpf.ErrNotSupported)
	}
	r := newMapRecord(t.keySize, t.full)
	if limit := 8*os.Getpagesize() - 1; r.size() > limit {
		return fmt.Errorf("its entries have %d bytes, an iterator writes %d at most: %w", r.size(), limit, ebpf.ErrNotSupported)
	}
	// Lookups leave these out, as do batches.
	special, err := specialField(t.m)
	if err != nil {
		return fmt.Errorf("types of its values: %w", err)
	}
	if special != "" {
		return fmt.Errorf("its values have a field %s, which an iterator shows as it is in the kernel: %w", special, ebpf.ErrNotSupported)
	}
	spec := Spec("bpf_map_elem", r.program())
	spec.Name = "bpfx_dump"
	p, err := LoadSpec(spec)
	if err != nil {
		return err
	}
	it, err := Open(p, &Options{Map: t.m})
	if err != nil {
		return scope.Join(err, p.Close())
	}
	t.prog, t.it = p, it
	return nil
}

// close closes the program, and the iterator with it.
func (t *table) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	p := t.prog
	t.prog, t.it = nil, nil
	return p.Close()
}

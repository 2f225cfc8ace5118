package iter

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// words is a value that tells of which key it is, in all of its words.
type words [16]uint64

func wordsOf(key uint32) (w words) {
	for i := range w {
		w[i] = uint64(key)<<8 | uint64(i)
	}
	return w
}

// TestMapDeletedFrom deletes every second entry of a map while it is dumped.
func TestMapDeletedFrom(t *testing.T) {
	const n = 4000
	for _, method := range methods {
		t.Run(method.String(), func(t *testing.T) {
			m := newMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 128, MaxEntries: n})
			for k := range uint32(n) {
				if err := m.Put(k, wordsOf(k)); err != nil {
					t.Fatal(err)
				}
			}
			d, err := NewDump[uint32, words](m, method)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			seen := make(map[uint32]bool)
			for e, err := range d.All() {
				skipMethod(t, m, method, err)
				if err != nil {
					t.Fatal(err)
				}
				if seen[e.Key] {
					t.Errorf("key %d twice", e.Key)
				}
				if e.Value != wordsOf(e.Key) {
					t.Errorf("key %d: value %x", e.Key, e.Value)
				}
				seen[e.Key] = true
				// The one at hand: a walk has nothing to go on from.
				for _, k := range []uint32{e.Key, (e.Key + 1001) % n} {
					if k%2 == 0 {
						if err := m.Delete(k); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
							t.Fatal(err)
						}
					}
				}
			}
			missing := 0
			for k := uint32(1); k < n; k += 2 {
				if !seen[k] {
					missing++
				}
			}
			allowed := 0
			if used, _ := d.Used(); used == ByIterator {
				allowed = n*newMapRecord(4, 128).size()/chunk + 1 // one per read
			}
			if missing > allowed {
				t.Errorf("%d keys that were there all the time are missing, want %d at most", missing, allowed)
			}
		})
	}
}

// TestMapEmptied deletes each entry that is given, and others, concurrently.
func TestMapEmptied(t *testing.T) {
	const n = 2000
	for _, method := range methods {
		t.Run(method.String(), func(t *testing.T) {
			m := newMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 128, MaxEntries: n})
			var stop atomic.Bool
			var wg sync.WaitGroup
			defer wg.Wait()
			defer stop.Store(true)
			churn := func(from uint32) {
				for !stop.Load() {
					for k := from; k < n; k += 2 {
						_ = m.Put(k, wordsOf(k))
					}
					for k := from; k < n; k += 2 {
						_ = m.Delete(k)
					}
				}
			}
			wg.Go(func() { churn(0) })
			d, err := NewDump[uint32, words](m, method)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			for range 20 {
				given := 0
				for e, err := range d.All() {
					skipMethod(t, m, method, err)
					if errors.Is(err, ebpf.ErrIterationAborted) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					if e.Key >= n {
						t.Fatalf("key %d was never there", e.Key)
					}
					if given++; given > 10*n {
						t.Fatal("the dump doesn't end")
					}
				}
			}
		})
	}
}

func TestMapRefuses(t *testing.T) {
	m := newMap(t, &ebpf.MapSpec{Name: "ports", Type: ebpf.Hash, KeySize: 4, ValueSize: 12, MaxEntries: 10})
	cpu := newMap(t, &ebpf.MapSpec{Type: ebpf.PerCPUHash, KeySize: 4, ValueSize: 12, MaxEntries: 10})
	queue := newMap(t, &ebpf.MapSpec{Type: ebpf.Queue, ValueSize: 4, MaxEntries: 10})
	ring := newMap(t, &ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: uint32(os.Getpagesize())})
	perf := newMap(t, &ebpf.MapSpec{Type: ebpf.PerfEventArray, MaxEntries: 1})
	sockets := newMap(t, &ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	closed := newMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	closed.Close()
	type padded struct {
		A uint64
		B uint32
	}
	for _, tt := range []struct {
		name string
		err  error
		want string
		is   error
	}{
		{"nil", newErr[uint32, uint32](nil, Fastest), "nil map", nil},
		{"zero", newErr[uint32, uint32](&ebpf.Map{}, Fastest), "nil map", nil},
		{"closed", newErr[uint32, uint32](closed, Fastest), "the map is closed", os.ErrClosed},
		{"method", newErr[uint32, [12]byte](m, 9), "unknown method Method(9)", nil},
		{"short key", newErr[uint16, [12]byte](m, Fastest), "key type uint16 has 2 bytes, the map's keys have 4", nil},
		{"long value", newErr[uint32, padded](m, Fastest), "value type iter.padded has 16 bytes, the map's values have 12", nil},
		{"pointer", newErr[*uint32, [12]byte](m, Fastest), "the key: type *uint32: *uint32 is a pointer", nil},
		{"int", newErr[uint32, struct{ N int }](m, Fastest), "field N: the size of int depends", nil},
		{"slice", newErr[uint32, []uint32](m, Fastest), "has no fixed size", nil},
		{"one value", newErr[uint32, [12]byte](cpu, Fastest), "V must be a slice, such as [][12]uint8", nil},
		{"raw value", newErr[uint32, Raw](cpu, Fastest), "V must be a slice, such as []iter.Raw", nil},
		{"short value per CPU", newErr[uint32, []uint64](cpu, Fastest), "value type uint64 has 8 bytes, the map's values have 12", nil},
		{"pointer per CPU", newErr[uint32, []*uint64](cpu, Fastest), "is a pointer", nil},
		{"queue", newErr[Raw, Raw](queue, Fastest), "LookupAndDelete", ebpf.ErrNotSupported},
		{"ring buffer", newErr[Raw, Raw](ring, Fastest), "package ringbuf", ebpf.ErrNotSupported},
		{"perf events", newErr[Raw, Raw](perf, Fastest), "package perf", ebpf.ErrNotSupported},
		{"sockets", newErr[Raw, Raw](sockets, Fastest), "make it with values of 8", ebpf.ErrNotSupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", tt.err, tt.want)
			}
			if tt.is != nil && !errors.Is(tt.err, tt.is) {
				t.Errorf("error %v isn't %v", tt.err, tt.is)
			}
		})
	}
	for e, err := range Map[uint64, uint64](m) {
		if err == nil || e != (MapEntry[uint64, uint64]{}) {
			t.Errorf("Map() with a wrong key: %v, %v", e, err)
		}
	}
}

func newErr[K, V any](m *ebpf.Map, method Method) error {
	d, err := NewDump[K, V](m, method)
	if err == nil {
		d.Close()
	}
	return err
}

// TestMapLeaves leaves loops early, and reads after Close. TestMain looks for
// what is left.
func TestMapLeaves(t *testing.T) {
	m := newMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 5000})
	fill(t, m, 5000)
	before := descriptors(t)
	for _, method := range methods {
		d, err := NewDump[uint32, uint32](m, method)
		if err != nil {
			t.Fatal(err)
		}
		for range d.All() {
			break
		}
		func() {
			defer func() { _ = recover() }()
			for range d.All() {
				panic("inside the loop")
			}
		}()
		for range d.All() { // closed inside of a pass
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
		for range 2 {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			for _, err := range d.All() {
				if !errors.Is(err, os.ErrClosed) {
					t.Errorf("%v after Close: %v", method, err)
				}
			}
		}
	}
	for range Map[uint32, uint32](m) {
		break
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, before it were %d", after, before)
	}
}

func descriptors(tb testing.TB) int {
	tb.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	return len(list)
}

// TestMapConcurrent reads one Dump from many goroutines.
func TestMapConcurrent(t *testing.T) {
	const n = 3000
	m := newMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: n})
	fill(t, m, n)
	d, err := NewDump[uint32, uint32](m, Fastest)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			seen := 0
			for e, err := range d.All() {
				if err != nil || e.Value != binary.NativeEndian.Uint32(valueOf(int(e.Key), 4)) {
					t.Error(e, err)
				}
				seen++
			}
			if seen != n {
				t.Errorf("%d entries, want %d", seen, n)
			}
			d.Used()
		})
	}
	wg.Wait()
}

// TestMapLock reads a map whose values have a lock, which nobody sees.
func TestMapLock(t *testing.T) {
	u32 := &btf.Int{Name: "unsigned int", Size: 4}
	lock := &btf.Struct{Name: "bpf_spin_lock", Size: 4, Members: []btf.Member{{Name: "val", Type: u32}}}
	value := &btf.Struct{Name: "locked", Size: 8, Members: []btf.Member{{Name: "lock", Type: lock}, {Name: "n", Type: u32, Offset: 32}}}
	const n = 3000
	m := newMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: n, Key: u32, Value: value})
	for k := range uint32(n) {
		if err := m.Put(k, [2]uint32{0, k}); err != nil {
			t.Fatal(err)
		}
	}
	d, err := NewDump[uint32, [2]uint32](m, Fastest)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	seen := 0
	for e, err := range d.All() {
		if err != nil || e.Value != [2]uint32{0, e.Key} {
			t.Error(e, err)
		}
		seen++
	}
	used, reason := d.Used()
	if used != ByBatch || reason == nil || !strings.Contains(reason.Error(), "have a field lock,") {
		t.Errorf("used %v, because of %v; want ByBatch because of the field lock", used, reason)
	}
	if seen != n {
		t.Errorf("%d entries, want %d", seen, n)
	}
}

// TestMapFewDescriptors reads when no descriptor is to be had, and once more
// when there are.
func TestMapFewDescriptors(t *testing.T) {
	const n = 10
	m := newMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: n})
	fill(t, m, n)
	dumpRaw(t, m, ByIterator) // cilium/ebpf finds out about the kernel
	d, err := NewDump[Raw, Raw](m, ByIterator)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	refused := last(d.All())
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(refused, unix.EMFILE) {
		t.Errorf("without descriptors: %v, want EMFILE", refused)
	}
	seen := 0
	for _, err := range d.All() {
		if err != nil {
			t.Fatal(err)
		}
		seen++
	}
	if seen != n {
		t.Errorf("%d entries, want %d", seen, n)
	}
}

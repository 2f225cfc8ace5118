package iter

import (
	"fmt"
	stditer "iter"
	"sync"

	"github.com/cilium/ebpf"
)

// MapEntry is an entry of a map.
type MapEntry[K, V any] struct {
	Key   K
	Value V
}

// Raw stands for a key or a value of any size, as the bytes that the kernel
// has. It is only valid until the next iteration.
type Raw []byte

// Map reads all entries of a map, in the fastest way that the kernel and the
// type of the map allow: see [Dump], which tells the way and reads again and
// again.
//
//	for e, err := range bpfiter.Map[uint32, counters](m) {
//
// K and V are types of fixed size and without pointers, as long as the map's
// keys and values, and laid out as the C structs are; or [Raw]. For a map with
// values per CPU, V is a slice: []uint64 gets one value for each possible CPU.
//
// Each loop reads the map anew. m stays the caller's. An error comes last and
// with a zero entry. Leaving the loop leaves nothing open.
func Map[K, V any](m *ebpf.Map) stditer.Seq2[MapEntry[K, V], error] {
	return func(yield func(MapEntry[K, V], error) bool) {
		d, err := NewDump[K, V](m, Fastest)
		if err != nil {
			yield(MapEntry[K, V]{}, err)
			return
		}
		defer d.Close() // a program and a link, from which all was read
		d.All()(yield)
	}
}

// Method is a way to read all entries of a map.
type Method int

const (
	// Fastest is ByBatch for maps of a few hundred entries, and ByIterator for
	// larger ones, where they can; the next best where they can't.
	Fastest Method = iota
	// ByIterator is a generated BPF program that the kernel calls with each
	// entry, for the target bpf_map_elem. It reads hash tables and arrays, LRU
	// (least recently used) and per-CPU ones too, whose entries are shorter than
	// 8 pages: 32 KiB mostly. Requires Linux 5.9.
	ByIterator
	// ByBatch is many entries per system call, for hash tables and arrays.
	// Requires Linux 5.6, 5.13 for arrays with values per CPU.
	ByBatch
	// ByKey is two system calls for each entry, for all maps with keys.
	ByKey
)

// String returns the name of the method.
func (m Method) String() string {
	switch m {
	case Fastest:
		return "Fastest"
	case ByIterator:
		return "ByIterator"
	case ByBatch:
		return "ByBatch"
	case ByKey:
		return "ByKey"
	}
	return fmt.Sprintf("Method(%d)", int(m))
}

// Dump reads all entries of a map, as often as it is asked. It must be closed:
// a program stays loaded once it was needed.
//
// All methods give the same entries of a map that doesn't change, in an order of
// the kernel's own. One that changes meanwhile is no snapshot:
//
//   - Entries that come and go may be missed, and one that goes and comes back
//     may be given twice.
//   - Entries that are there all the time are given once by ByBatch and ByKey.
//     ByIterator goes on at a position in a bucket of the hash table after each
//     read of 32 KiB: if others of the bucket were deleted or added since, it may
//     miss one, or give one twice.
//   - A value that is updated in place may be half old and half new, as in any
//     lookup. The kernel uses elements of hash tables again at once: the value of
//     an entry that is deleted may be that of another key, which took the place
//     just then. Only ByBatch locks against that.
//
// Its methods may be called from many goroutines.
type Dump[K, V any] struct {
	keys   part[K]
	values func() part[V] // one per pass
	table  *table

	mu     sync.Mutex
	used   Method
	reason error
}

// NewDump returns a Dump of a map. K and V are those of [Map].
//
// Returns an error that names both sizes if K or V have another than the map's
// keys and values, one that wraps [os.ErrClosed] if m is closed, and one that
// wraps [ebpf.ErrNotSupported] if maps of its type can't be read entry by entry.
// m stays the caller's and must be open while it is read.
func NewDump[K, V any](m *ebpf.Map, method Method) (*Dump[K, V], error) {
	t, err := newTable(m, method)
	if err != nil {
		return nil, err
	}
	d := &Dump[K, V]{table: t}
	if d.keys, err = keyDecoder[K](t); err != nil {
		return nil, err
	}
	if d.values, err = valueDecoder[V](t); err != nil {
		return nil, err
	}
	return d, nil
}

// All reads the map. Each loop is a pass of its own. An error comes last and
// with a zero entry; leaving the loop ends the pass.
func (d *Dump[K, V]) All() stditer.Seq2[MapEntry[K, V], error] {
	return func(yield func(MapEntry[K, V], error) bool) {
		var e MapEntry[K, V]
		left := false
		values := d.values()
		used, reason, err := d.table.pass(func(b block) bool {
			for i := range b.n {
				d.keys.decode(b.keys[i*b.keyStep:], &e.Key)
				values.decode(b.values[i*b.valueStep:], &e.Value)
				if left = !yield(e, nil); left {
					return false
				}
			}
			return true
		})
		d.mu.Lock()
		d.used, d.reason = used, reason
		d.mu.Unlock()
		if err != nil && !left {
			yield(MapEntry[K, V]{}, err)
		}
	}
}

// Used returns the method of the pass that ended last, Fastest if there was none
// yet, and why a faster one couldn't be used: nil if there is none.
func (d *Dump[K, V]) Used() (Method, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used, d.reason
}

// Close gives back the program, if one was loaded. Passes that are under way go
// on; later ones return an error wrapping [os.ErrClosed]. Closing twice is fine.
func (d *Dump[K, V]) Close() error { return d.table.close() }

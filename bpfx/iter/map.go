package iter

import (
	"fmt"
	stditer "iter"
	"sync"
	"unsafe"

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
	// Fastest is ByBatch for maps of a few hundred entries and for hash tables with
	// room for 2,000, and ByIterator for larger ones, where they can; the next best
	// where they can't.
	Fastest Method = iota
	// ByIterator is a generated BPF program that the kernel calls with each
	// entry, for the target bpf_map_elem. It reads hash tables and arrays, LRU
	// (least recently used) and per-CPU ones too, whose entries are shorter than
	// 8 pages: 32 KiB mostly. Requires Linux 5.9.
	ByIterator
	// ByBatch is many entries per system call, for hash tables and arrays. The
	// kernel has it for tries too, but goes on from a key there: it starts over if
	// that was deleted, and gives entries once more.
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
//   - Entries that are there all the time are given once by ByBatch, which locks
//     one bucket of a hash table after the other. The kernel gives the element of
//     a key that is deleted to another key at once: if that befalls the element
//     from which the others go on, just then, they may miss entries, and
//     ByIterator may give some twice. So it may after each read of 32 KiB, from
//     where it goes on at a position in a bucket, if others of that bucket were
//     deleted or added since.
//   - A value that is updated in place may be half old and half new, as in any
//     lookup. The value of an entry that is deleted may be that of another key,
//     which got its element just then; by ByBatch it isn't.
//
// Its methods may be called from many goroutines.
type Dump[K, V any] struct {
	keys   part[K]
	values part[V]
	perCPU func() part[V] // makes values for a pass; nil if there is one per entry
	table  table

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
	d := &Dump[K, V]{table: table{m: m, method: method}}
	err := d.table.set()
	if err != nil {
		return nil, err
	}
	if d.keys, err = keyDecoder[K](&d.table); err != nil {
		return nil, err
	}
	if d.values, d.perCPU, err = valueDecoder[V](&d.table); err != nil {
		return nil, err
	}
	return d, nil
}

// All reads the map. Each loop is a pass of its own. An error comes last and
// with a zero entry; leaving the loop ends the pass.
func (d *Dump[K, V]) All() stditer.Seq2[MapEntry[K, V], error] {
	return func(yield func(MapEntry[K, V], error) bool) {
		values := d.values
		if d.perCPU != nil {
			values = d.perCPU()
		}
		left := false
		used, reason, err := d.table.pass(func(b block) bool {
			left = !each(b, &d.keys, &values, yield)
			return !left
		})
		d.mu.Lock()
		d.used, d.reason = used, reason
		d.mu.Unlock()
		if err != nil && !left {
			yield(MapEntry[K, V]{}, err)
		}
	}
}

// each yields the entries of a block, and returns false if it is to stop.
func each[K, V any](b block, keys *part[K], values *part[V], yield func(MapEntry[K, V], error) bool) bool {
	if keys.plain && values.plain { // most are
		k, v := unsafe.Pointer(unsafe.SliceData(b.keys)), unsafe.Pointer(unsafe.SliceData(b.values))
		for i := range b.n {
			e := MapEntry[K, V]{*(*K)(unsafe.Add(k, i*b.keyStep)), *(*V)(unsafe.Add(v, i*b.valueStep))}
			if !yield(e, nil) {
				return false
			}
		}
		return true
	}
	var e MapEntry[K, V]
	for i := range b.n {
		keys.decode(b.keys[i*b.keyStep:], &e.Key)
		values.decode(b.values[i*b.valueStep:], &e.Value)
		if !yield(e, nil) {
			return false
		}
	}
	return true
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

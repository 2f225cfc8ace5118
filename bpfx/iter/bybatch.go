package iter

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"syscall"
	"unsafe"

	"github.com/cilium/ebpf"
)

const (
	// trialEntries is how many entries Fastest tries to read at once, and
	// smallHash the size of hash tables of which it tries all: batches of up to
	// 2,000 entries are read in the time that a program takes to load and to read
	// as many.
	trialEntries = 256
	smallHash    = 2048
	// trialBytes and batchBytes are what the first and all other batches take at
	// most, unless a single entry or bucket is larger.
	trialBytes = 64 << 10
	batchBytes = 64 << 10
)

// A batcher reads a map with BPF_MAP_LOOKUP_BATCH.
type batcher struct {
	t      *table
	cursor ebpf.MapBatchCursor
	count  int  // entries that fit
	done   bool // the last batch was read
	given  int  // entries so far
	// keys and values are slices of arrays of bytes, or of bytes if there is a
	// value for each CPU: cilium/ebpf lets the kernel write there at once. k and
	// v are the same memory.
	keys, values any
	k, v         []byte
}

// newBatcher makes place for as many entries as limit bytes hold, and not for
// more than most.
func newBatcher(t *table, limit, most int) *batcher {
	// One more than there can be: the last batch is the one that isn't full.
	n := min(limit/(t.keySize+t.full), most, t.entries()+1)
	b := &batcher{t: t}
	b.resize(max(n, 1))
	return b
}

// newTrial is for the first batch of Fastest.
func newTrial(t *table) *batcher {
	most := trialEntries
	array := t.m.Type() == ebpf.Array || t.m.Type() == ebpf.PerCPUArray
	if t.entries() <= smallHash && !array {
		most = smallHash + 1
	}
	return newBatcher(t, trialBytes, most)
}

// newBatches is for all that follow.
func newBatches(t *table) *batcher { return newBatcher(t, batchBytes, math.MaxInt) }

// entries is how many entries the map can have.
func (t *table) entries() int { return int(min(t.m.MaxEntries(), 1<<29)) }

// resize makes place for n entries.
func (b *batcher) resize(n int) {
	b.count = n
	b.keys, b.k = arrays(n, b.t.keySize)
	if b.t.cpus > 0 {
		b.v = make([]byte, n*b.t.full)
		b.values = b.v
	} else {
		b.values, b.v = arrays(n, b.t.full)
	}
}

// arrays makes a slice of n arrays of size bytes, and returns its memory too.
func arrays(n, size int) (slice any, memory []byte) {
	switch size { // most are: the rest takes half a microsecond to look up its type
	case 4:
		return arraysOf[[4]byte](n)
	case 8:
		return arraysOf[[8]byte](n)
	case 16:
		return arraysOf[[16]byte](n)
	}
	s := reflect.MakeSlice(reflect.SliceOf(reflect.ArrayOf(size, reflect.TypeFor[byte]())), n, n)
	return s.Interface(), unsafe.Slice((*byte)(s.UnsafePointer()), n*size)
}

func arraysOf[T any](n int) (slice any, memory []byte) {
	s := make([]T, n)
	return s, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), n*int(unsafe.Sizeof(s[0])))
}

// next reads a batch and returns how many entries it has, which may be none
// before the last.
func (b *batcher) next() (int, error) {
	for {
		n, err := b.t.m.BatchLookup(&b.cursor, b.keys, b.values, nil)
		switch {
		case err == nil:
		case errors.Is(err, ebpf.ErrKeyNotExist):
			b.done = true
		case errors.Is(err, syscall.ENOSPC) && b.count <= b.t.entries():
			b.resize(2 * b.count) // a bucket of the hash table has more entries
			continue
		default:
			return 0, fmt.Errorf("dump %v: batch: %w", b.t.m, err)
		}
		// The cursor of some types is a key, which starts over if the key is gone.
		if b.given += n; b.given > 2*b.t.entries()+b.count {
			return 0, fmt.Errorf("dump %v: entries are deleted faster than they are read: %w", b.t.m, ebpf.ErrIterationAborted)
		}
		return n, nil
	}
}

// give calls fn with the n entries of a batch.
func (b *batcher) give(n int, fn func(block) bool) bool {
	return n == 0 || fn(block{n, b.k, b.v, b.t.keySize, b.t.full})
}

// each reads all batches and calls fn with them until it returns false.
func (b *batcher) each(fn func(block) bool) error {
	for !b.done {
		n, err := b.next()
		if err != nil {
			return err
		}
		if !b.give(n, fn) {
			return nil
		}
	}
	return nil
}

// rest gives the batch that was read, of n entries, and reads the others.
func (b *batcher) rest(fn func(block) bool) error {
	if !b.give(b.given, fn) {
		return nil
	}
	if n := batchBytes / (b.t.keySize + b.t.full); n > b.count {
		b.resize(min(n, b.t.entries()+1))
	}
	return b.each(fn)
}

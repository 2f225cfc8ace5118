package iter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
)

// methods are all ways to read a map.
var methods = []Method{Fastest, ByIterator, ByBatch, ByKey}

// TestMapTypes reads maps of all types with keys and values of many sizes in
// all ways, and compares them entry by entry.
func TestMapTypes(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.Hash, ebpf.LRUHash, ebpf.PerCPUHash, ebpf.LRUCPUHash, ebpf.Array, ebpf.PerCPUArray} {
		t.Run(typ.String(), func(t *testing.T) {
			filled := sizes(t, typ)
			for _, method := range methods {
				t.Run(method.String(), func(t *testing.T) {
					for m, want := range filled {
						if method == ByIterator && !fits(m) {
							wantNoIterator(t, m)
							continue
						}
						got, used := dumpRaw(t, m, method)
						compare(t, got, want)
						if method != Fastest && used != method || used == Fastest {
							t.Errorf("%v used %v", method, used)
						}
					}
				})
			}
		})
	}
}

// sizes makes maps of a type with keys and values of many sizes, and returns
// what is in them.
func sizes(t *testing.T, typ ebpf.MapType) map[*ebpf.Map]entries {
	t.Helper()
	values := []uint32{1, 2, 3, 4, 7, 8, 12, 16, 61, 200, 500, 501, 513, 5000}
	keys := []uint32{1, 2, 4, 5, 8, 13, 16, 40, 511}
	array := typ == ebpf.Array || typ == ebpf.PerCPUArray
	if array {
		keys = []uint32{4}
	}
	filled := make(map[*ebpf.Map]entries)
	for i, value := range values {
		key, n := keys[i%len(keys)], trialEntries+44
		spec := &ebpf.MapSpec{Type: typ, KeySize: key, ValueSize: value, MaxEntries: uint32(n)}
		if key == 1 {
			n = 200
		}
		if !array {
			spec.MaxEntries = 4096 // LRU ones drop entries before they are full, and batches are for small ones
		}
		m := newMap(t, spec)
		fill(t, m, n)
		want := reference(t, m)
		if len(want) != n {
			t.Fatalf("%v has %d entries, want %d", m, len(want), n)
		}
		filled[m] = want
	}
	return filled
}

// TestMapOtherTypes reads maps that have no iterator.
func TestMapOtherTypes(t *testing.T) {
	t.Run("lpm_trie", func(t *testing.T) {
		m := newMap(t, &ebpf.MapSpec{Type: ebpf.LPMTrie, KeySize: 8, ValueSize: 12, MaxEntries: 1000, Flags: 1}) // BPF_F_NO_PREALLOC
		fill(t, m, 900)
		testOther(t, m)
	})
	t.Run("hash_of_maps", func(t *testing.T) {
		inner := &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
		m := newMap(t, &ebpf.MapSpec{Type: ebpf.HashOfMaps, KeySize: 8, MaxEntries: 10, InnerMap: inner})
		for i := range uint64(3) {
			if err := m.Put(i, newMap(t, inner)); err != nil {
				t.Fatal(err)
			}
		}
		testOther(t, m)
	})
	t.Run("program_array", func(t *testing.T) {
		testOther(t, newMap(t, &ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 300}))
	})
	t.Run("devmap", func(t *testing.T) {
		m := newMap(t, &ebpf.MapSpec{Type: ebpf.DevMap, KeySize: 4, ValueSize: 4, MaxEntries: 4})
		if err := m.Put(uint32(2), uint32(1)); err != nil { // lo
			t.Fatal(err)
		}
		testOther(t, m)
	})
}

func testOther(t *testing.T, m *ebpf.Map) {
	t.Helper()
	want := reference(t, m)
	got, used := dumpRaw(t, m, Fastest)
	compare(t, got, want)
	if used != ByKey {
		t.Errorf("used %v, want ByKey", used)
	}
	wantNoIterator(t, m)
}

// fits reports whether an iterator can write the entries of a map, which have
// values of all CPUs.
func fits(m *ebpf.Map) bool {
	value := int(m.ValueSize())
	if perCPU(m) {
		value = ebpf.MustPossibleCPU() * roundUp(value, 8)
	}
	return newMapRecord(int(m.KeySize()), value).size() < 8*os.Getpagesize()
}

// wantNoIterator asks for the entries of a map that has no iterator.
func wantNoIterator(t *testing.T, m *ebpf.Map) {
	t.Helper()
	all := dumpErr[Raw]
	if perCPU(m) {
		all = dumpErr[[]Raw]
	}
	if err := all(t, m); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("ByIterator of %v: %v, want ErrNotSupported", m, err)
	}
}

// dumpErr returns the error of reading a map by an iterator.
func dumpErr[V any](t *testing.T, m *ebpf.Map) error {
	t.Helper()
	d, err := NewDump[Raw, V](m, ByIterator)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	return last(d.All())
}

func TestMapTyped(t *testing.T) {
	type key struct {
		A uint32
		B bool
	}
	type value struct {
		A uint64
		B [3]bool
		C int16
	}
	want := map[key]value{
		{1, true}:  {1 << 40, [3]bool{true, false, true}, -5},
		{2, false}: {7, [3]bool{}, 1},
	}
	m := newMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: 16, MaxEntries: 1000})
	for k, v := range want {
		kb := binary.NativeEndian.AppendUint32(nil, k.A)
		kb = append(kb, map[bool]byte{true: 1}[k.B], 0, 0, 0)
		vb := binary.NativeEndian.AppendUint64(nil, v.A)
		for _, b := range v.B {
			vb = append(vb, map[bool]byte{true: 1}[b])
		}
		vb = append(vb, 0)
		vb = append(binary.NativeEndian.AppendUint16(vb, uint16(v.C)), 0, 0)
		if err := m.Put(kb, vb); err != nil {
			t.Fatal(err)
		}
	}
	got := make(map[key]value)
	for e, err := range Map[key, value](m) {
		if err != nil {
			t.Fatal(err)
		}
		got[e.Key] = e.Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Map() differs (-want +got):\n%s", diff)
	}
}

// TestMapPerCPU keeps the values of all entries: each must have its own.
func TestMapPerCPU(t *testing.T) {
	const n = 3000
	type named []uint32
	m := newMap(t, &ebpf.MapSpec{Type: ebpf.PerCPUHash, KeySize: 4, ValueSize: 4, MaxEntries: n})
	cpus := ebpf.MustPossibleCPU()
	want := make(map[uint32]named)
	for i := range uint32(n) {
		list := make([]uint32, cpus)
		for c := range list {
			list[c] = i<<8 + uint32(c)
		}
		want[i] = list
		if err := m.Put(i, list); err != nil {
			t.Fatal(err)
		}
	}
	got := make(map[uint32]named)
	for e, err := range Map[uint32, named](m) {
		if err != nil {
			t.Fatal(err)
		}
		got[e.Key] = e.Value
	}
	if !maps.EqualFunc(want, got, func(a, b named) bool { return slices.Equal(a, b) }) {
		t.Error("Map() gave other values")
	}
	e := got[7]
	if _ = append(e, 1); !slices.Equal(got[8], want[8]) || cap(e) != cpus {
		t.Error("an append to one value reaches another")
	}
}

// TestMapUsed looks what Fastest chooses.
func TestMapUsed(t *testing.T) {
	m := newMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 10_000})
	d, err := NewDump[uint32, [8]byte](m, Fastest)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if used, reason := d.Used(); used != Fastest || reason != nil {
		t.Errorf("Used() before a pass = %v, %v", used, reason)
	}
	count := func(want int) (Method, error) {
		t.Helper()
		n := 0
		for _, err := range d.All() {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != want {
			t.Errorf("%d entries, want %d", n, want)
		}
		return d.Used()
	}
	if used, reason := count(0); used != ByBatch || reason != nil {
		t.Errorf("empty: used %v, %v", used, reason)
	}
	fill(t, m, 100)
	if used, reason := count(100); used != ByBatch || reason != nil {
		t.Errorf("100 entries: used %v, %v", used, reason)
	}
	fill(t, m, 9_000)
	for range 2 {
		used, reason := count(9_000)
		if used == ByBatch && reason != nil {
			skipIfRefused(t, reason)
		}
		if used != ByIterator || reason != nil {
			t.Errorf("9,000 entries: used %v, %v", used, reason)
		}
	}
}

// TestMapLarge reads entries that no iterator can write.
func TestMapLarge(t *testing.T) {
	size := uint32(8 * os.Getpagesize())
	for _, value := range []uint32{size - 4 - 1, size - 4, 3 * size} {
		m := newMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: value, MaxEntries: 300, Flags: 1})
		fill(t, m, 20)
		want := reference(t, m)
		for _, method := range methods {
			t.Run(fmt.Sprintf("%d/%v", value, method), func(t *testing.T) {
				if method == ByIterator && value > size-4-1 {
					wantNoIterator(t, m)
					return
				}
				got, _ := dumpRaw(t, m, method)
				compare(t, got, want)
			})
		}
	}
}

package iter

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/bpfx/go/internal/testutil"
)

// newMap makes a map. Old kernels count it against a limit of locked memory.
func newMap(tb testing.TB, spec *ebpf.MapSpec) *ebpf.Map {
	tb.Helper()
	testutil.NeedRoot(tb)
	if err := rlimit.RemoveMemlock(); err != nil {
		tb.Fatal(err)
	}
	m, err := ebpf.NewMap(spec)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close() })
	return m
}

// keyOf returns key i of a size in bytes.
func keyOf(i, size int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(i))
	return append(b, bytes.Repeat([]byte{0xee}, max(0, size-4))...)[:size]
}

// valueOf returns bytes that look random, and are those of key i.
func valueOf(i, size int) []byte {
	r := rand.New(rand.NewPCG(uint64(i), 1))
	var b []byte
	for len(b) < size {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b[:size]
}

// fill puts n entries into a map.
func fill(tb testing.TB, m *ebpf.Map, n int) {
	tb.Helper()
	cpus := 0
	if perCPU(m) {
		cpus = ebpf.MustPossibleCPU()
	}
	key := func(i int) []byte { return keyOf(i, int(m.KeySize())) }
	if m.Type() == ebpf.LPMTrie {
		key = func(i int) []byte { // the length of the prefix is first
			return append(binary.NativeEndian.AppendUint32(nil, 8*(m.KeySize()-4)), keyOf(i, int(m.KeySize()-4))...)
		}
	}
	for i := range n {
		var v any = valueOf(i, int(m.ValueSize()))
		if cpus > 0 {
			list := make([][]byte, cpus)
			for c := range list {
				list[c] = valueOf(i+c<<16, int(m.ValueSize()))
			}
			v = list
		}
		if err := m.Put(key(i), v); err != nil {
			tb.Fatalf("put entry %d: %v", i, err)
		}
	}
}

func perCPU(m *ebpf.Map) bool {
	return slices.Contains([]ebpf.MapType{ebpf.PerCPUHash, ebpf.LRUCPUHash, ebpf.PerCPUArray}, m.Type())
}

// entries are values by key; those of all CPUs behind each other.
type entries map[string]string

// reference reads a map with cilium/ebpf.
func reference(tb testing.TB, m *ebpf.Map) entries {
	tb.Helper()
	got := make(entries)
	add := func(k, v []byte) {
		if _, again := got[string(k)]; again {
			tb.Fatalf("MapIterator gave key %x twice", k)
		}
		got[string(k)] = string(v)
	}
	it := m.Iterate()
	if !perCPU(m) {
		var k, v []byte
		for it.Next(&k, &v) {
			add(k, v)
		}
	} else {
		// An iterator has no way to give values of any size: its keys are used.
		var next []byte
		var key any
		for {
			var err error
			if next, err = m.NextKeyBytes(key); err != nil {
				tb.Fatal(err)
			}
			if next == nil {
				break
			}
			all, err := m.LookupBytes(next)
			if err != nil {
				tb.Fatal(err)
			}
			var v []byte
			for step := roundUp(int(m.ValueSize()), 8); len(all) > 0; all = all[step:] {
				v = append(v, all[:m.ValueSize()]...)
			}
			add(next, v)
			key = next
		}
	}
	if err := it.Err(); err != nil {
		tb.Fatal(err)
	}
	return got
}

// dumpRaw reads a map and returns the method that was used.
func dumpRaw(tb testing.TB, m *ebpf.Map, method Method) (entries, Method) {
	tb.Helper()
	got := make(entries)
	add := func(k, v []byte, err error) {
		tb.Helper()
		skipMethod(tb, m, method, err)
		if err != nil {
			tb.Fatalf("%v of %v: %v", method, m, err)
		}
		if _, again := got[string(k)]; again {
			tb.Errorf("%v of %v: key %x twice", method, m, k)
		}
		got[string(k)] = string(v)
	}
	if perCPU(m) {
		d, err := NewDump[Raw, []Raw](m, method)
		if err != nil {
			tb.Fatal(err)
		}
		defer d.Close()
		for e, err := range d.All() {
			add(e.Key, slices.Concat(e.Value...), err)
		}
		used, _ := d.Used()
		return got, used
	}
	d, err := NewDump[Raw, Raw](m, method)
	if err != nil {
		tb.Fatal(err)
	}
	defer d.Close()
	for e, err := range d.All() {
		add(e.Key, e.Value, err)
	}
	used, _ := d.Used()
	return got, used
}

// skipMethod skips tb where err says that the kernel lacks a method.
func skipMethod(tb testing.TB, m *ebpf.Map, method Method, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case method == ByIterator:
		skipIfRefused(tb, err)
	case method == ByBatch && m.Type() == ebpf.PerCPUArray:
		testutil.SkipIfNotSupported(tb, err, "batches of arrays with values per CPU", "5.13")
	}
}

// compare reports the first differences only: there may be thousands.
func compare(tb testing.TB, got, want entries) {
	tb.Helper()
	bad := 0
	for k, v := range want {
		if w, ok := got[k]; !ok || w != v {
			tb.Errorf("key %x: value %x, want %x", k, w, v)
			bad++
		}
		if bad > 3 {
			tb.FailNow()
		}
	}
	if len(got) != len(want) {
		tb.Errorf("%d entries, want %d", len(got), len(want))
	}
}

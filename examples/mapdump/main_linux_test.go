package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/internal/testprogs"
	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) {
	_ = rlimit.RemoveMemlock() // fails without root, as tests that need it skip
	testutil.Main(m)
}

// mustMap makes a map and returns its id.
func mustMap(t *testing.T, spec *ebpf.MapSpec) (*ebpf.Map, string) {
	t.Helper()
	testutil.NeedRoot(t)
	m, err := ebpf.NewMap(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, idOf(t, m)
}

func idOf(t *testing.T, m *ebpf.Map) string {
	t.Helper()
	info, err := m.Info()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := info.ID()
	return strconv.FormatUint(uint64(id), 10)
}

// output returns what the example prints.
func output(t *testing.T, asJSON bool, args ...string) string {
	t.Helper()
	var b bytes.Buffer
	if err := run(&b, args, asJSON); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDump(t *testing.T) {
	m, id := mustMap(t, &ebpf.MapSpec{Name: "bpfx_flows", Type: ebpf.Hash, KeySize: 4, ValueSize: flow.Size, MaxEntries: 10, Key: u32, Value: flow})
	if err := m.Put(uint32(3), flowBytes()); err != nil {
		t.Fatal(err)
	}
	pin := filepath.Join(testutil.BPFFS(t), "flows")
	if err := m.Pin(pin); err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{id, "bpfx_flows", pin} {
		if got, want := output(t, false, arg), "3: "+flowText+"\n1 entries (ByBatch)\n"; got != want {
			t.Errorf("%s: printed %s\nwant %s", arg, got, want)
		}
		if got, want := output(t, true, arg), `[{"key":3,"value":`+flowJSON+"}]\n"; got != want {
			t.Errorf("%s: printed %s\nwant %s", arg, got, want)
		}
	}
	if got := output(t, false); !strings.Contains(got, id+" ") || !strings.Contains(got, "bpfx_flows") {
		t.Errorf("the list hasn't map %s:\n%s", id, got)
	}
	var rows []row
	if err := json.Unmarshal([]byte(output(t, true)), &rows); err != nil {
		t.Error(err)
	}
}

// TestLarge dumps more entries than one batch has.
func TestLarge(t *testing.T) {
	const n = 5000
	m, id := mustMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: n, Key: u32, Value: u64})
	for i := range uint32(n) {
		if err := m.Put(i, uint64(i)*3); err != nil {
			t.Fatal(err)
		}
	}
	var entries []struct{ Key, Value uint64 }
	if err := json.Unmarshal([]byte(output(t, true, id)), &entries); err != nil {
		t.Fatal(err)
	}
	seen := make(map[uint64]bool)
	for _, e := range entries {
		if seen[e.Key] = true; e.Value != 3*e.Key {
			t.Errorf("key %d has the value %d", e.Key, e.Value)
		}
	}
	if len(seen) != n || len(entries) != n {
		t.Errorf("%d entries, %d keys, want %d", len(entries), len(seen), n)
	}
}

func TestPerCPU(t *testing.T) {
	m, id := mustMap(t, &ebpf.MapSpec{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 4, MaxEntries: 2, Key: u32, Value: s32})
	cpus := ebpf.MustPossibleCPU()
	values := make([]int32, cpus)
	for i := range values {
		values[i] = int32(-i)
	}
	if err := m.Put(uint32(1), values); err != nil {
		t.Fatal(err)
	}
	type value struct {
		CPU   int
		Value int32
	}
	var got, want []struct {
		Key    uint32
		Values []value
	}
	if err := json.Unmarshal([]byte(output(t, true, id)), &got); err != nil {
		t.Fatal(err)
	}
	for key := range uint32(2) {
		e := struct {
			Key    uint32
			Values []value
		}{Key: key}
		for cpu := range cpus {
			e.Values = append(e.Values, value{cpu, int32(-cpu) * int32(key)})
		}
		want = append(want, e)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

// TestWithoutTypes dumps maps without BTF.
func TestWithoutTypes(t *testing.T) {
	hash, id := mustMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 2, ValueSize: 3, MaxEntries: 2})
	if err := hash.Put([]byte{1, 0xab}, []byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if got, want := output(t, false, id), "\"01 ab\": \"01 02 03\"\n1 entries (ByBatch)\n"; got != want {
		t.Errorf("printed %s, want %s", got, want)
	}
	_, id = mustMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 1, MaxEntries: 1})
	if got, want := output(t, false, id), "0: \"00\"\n1 entries (ByBatch)\n"; got != want {
		t.Errorf("printed %s, want %s", got, want)
	}
	_, id = mustMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if got := output(t, true, id); got != "[]\n" {
		t.Errorf("an empty map is %q in JSON", got)
	}
}

// TestObject dumps a map of an object file that clang made.
func TestObject(t *testing.T) {
	testutil.NeedRoot(t)
	spec, err := testprogs.LoadTestprogs()
	if err != nil {
		t.Fatal(err)
	}
	m, id := mustMap(t, spec.Maps["runs"])
	if err := m.Put(uint32(0), uint64(42)); err != nil {
		t.Fatal(err)
	}
	if got, want := output(t, true, id), "[{\"key\":0,\"value\":42}]\n"; got != want {
		t.Errorf("printed %s, want %s", got, want)
	}
}

// TestBpftool compares with bpftool where that is installed.
func TestBpftool(t *testing.T) {
	tool, err := exec.LookPath("bpftool")
	if err != nil {
		t.Log("bpftool isn't installed: nothing to compare with")
		return
	}
	value := &btf.Struct{Name: "counters", Size: 16, Members: []btf.Member{{Name: "packets", Type: u64}, {Name: "drops", Type: s32, Offset: 64}, {Name: "flags", Type: arrayOf(u16, 2), Offset: 96}}}
	m, id := mustMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 16, MaxEntries: 100, Key: u32, Value: value})
	for i := range uint32(50) {
		b := binary.NativeEndian.AppendUint64(nil, uint64(i)<<40)
		b = binary.NativeEndian.AppendUint32(b, -i)
		if err := m.Put(i, binary.NativeEndian.AppendUint32(b, i*0x10002)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := exec.Command(tool, "-j", "map", "dump", "id", id).Output()
	if err != nil {
		t.Fatalf("bpftool: %v", err)
	}
	var theirs []struct{ Formatted any }
	if err := json.Unmarshal(text, &theirs); err != nil {
		t.Fatal(err)
	}
	want := make([]any, len(theirs))
	for i, e := range theirs {
		want[i] = e.Formatted
	}
	var got []any
	if err := json.Unmarshal([]byte(output(t, true, id)), &got); err != nil {
		t.Fatal(err)
	}
	key := func(v any) float64 { return v.(map[string]any)["key"].(float64) }
	byKey := func(list []any) map[float64]any {
		m := make(map[float64]any)
		for _, v := range list {
			m[key(v)] = v
		}
		return m
	}
	if diff := cmp.Diff(byKey(want), byKey(got)); diff != "" {
		t.Errorf("differs from bpftool (-want +got):\n%s", diff)
	}
}

func TestRefuses(t *testing.T) {
	_, a := mustMap(t, &ebpf.MapSpec{Name: "bpfx_twin", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	_, b := mustMap(t, &ebpf.MapSpec{Name: "bpfx_twin", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	_, queue := mustMap(t, &ebpf.MapSpec{Type: ebpf.Queue, ValueSize: 4, MaxEntries: 1})
	for _, tt := range []struct {
		args []string
		want string
		is   error
	}{
		{[]string{"4294967295"}, "there is no map with id 4294967295", os.ErrNotExist},
		{[]string{"bpfx_none"}, `there is no map named "bpfx_none"`, os.ErrNotExist},
		{[]string{"/no/such/pin"}, "no such file", os.ErrNotExist},
		{[]string{"bpfx_twin"}, a + ", " + b, nil},
		{[]string{queue}, "LookupAndDelete", ebpf.ErrNotSupported},
		{[]string{"1", "2"}, "one map at a time", nil},
	} {
		err := run(new(bytes.Buffer), tt.args, false)
		if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.want)
		}
	}
}

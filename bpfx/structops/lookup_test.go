package structops

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	kbtf "github.com/bpfx/go/internal/btf"
)

// moduleOps makes the BTF of a module that is split from base and has a type
// mod_ops with one function.
func moduleOps(tb testing.TB, base []byte) []byte {
	tb.Helper()
	raw, err := kbtf.Parse(base, nil)
	if err != nil {
		tb.Fatal(err)
	}
	next := uint32(1)
	for ; ; next++ {
		if _, err := raw.Type(next); err != nil {
			break
		}
	}
	var common uint32
	for rec := range raw.Prefixed(kbtf.KindStruct, valuePrefix+"common_value") {
		common = rec.ID
	}
	const strs = "\x00mod_ops\x00run\x00bpf_struct_ops_mod_ops\x00common\x00data\x00"
	name := func(s string) uint32 { // where a string is, behind those of the base
		return binary.NativeEndian.Uint32(base[20:]) + uint32(strings.Index(strs, "\x00"+s+"\x00")) + 1
	}
	proto, pointer, ops := next, next+1, next+2
	var types []byte
	for _, v := range []uint32{
		0, kbtf.KindFuncProto << 24, 0,
		0, kbtf.KindPtr << 24, proto,
		name("mod_ops"), kbtf.KindStruct<<24 | 1, 8, name("run"), pointer, 0,
		name("bpf_struct_ops_mod_ops"), kbtf.KindStruct<<24 | 2, 128, name("common"), common, 0, name("data"), ops, 512,
	} {
		types = binary.NativeEndian.AppendUint32(types, v)
	}
	header := []byte{0x9f, 0xeb, 1, 0}
	for _, v := range []int{24, 0, len(types), len(types), len(strs)} {
		header = binary.NativeEndian.AppendUint32(header, uint32(v))
	}
	return append(append(header, types...), strs...)
}

// TestTypeCache looks types up while modules come and go.
func TestTypeCache(t *testing.T) {
	dir := t.TempDir()
	c := &typeCache{dir: dir}
	if _, err := c.lookup("tcp_congestion_ops"); !errors.Is(err, ebpf.ErrNotSupported) || !strings.Contains(err.Error(), "CONFIG_DEBUG_INFO_BTF") {
		t.Errorf("lookup() without BTF = %v, want ErrNotSupported", err)
	}
	vmlinux, err := os.ReadFile("testdata/6.12.btf")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("vmlinux", vmlinux)
	first, err := c.lookup("tcp_congestion_ops")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.lookup("mod_ops"); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("lookup() of a module's before it is loaded = %v", err)
	}
	write("other", moduleOps(t, vmlinux)[:0:0]) // no BTF at all
	if _, err := c.lookup("mod_ops"); err == nil || !strings.Contains(err.Error(), "module other") {
		t.Errorf("lookup() with a damaged module = %v, want its name", err)
	}
	if again, err := c.lookup("tcp_congestion_ops"); err != nil || again != first {
		t.Errorf("lookup() of the kernel's own = %p, %v; want %p, as before", again, err, first)
	}
	if err := os.Remove(filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	write("mod", moduleOps(t, vmlinux))
	mod, err := c.lookup("mod_ops")
	if err != nil {
		t.Fatal(err)
	}
	if mod.Module != "mod" || mod.valueSize != 128 || mod.data != 64 || mod.String() != "struct mod_ops {\n\tvoid (*run)(void);\n};" {
		t.Errorf("lookup() of a module's = %+v\n%v", mod, mod)
	}
	if err := os.Remove(filepath.Join(dir, "mod")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.lookup("mod_ops"); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("lookup() after the module is gone = %v", err)
	}
}

// TestParseTypesDamaged cuts and changes BTF: no panic.
func TestParseTypesDamaged(t *testing.T) {
	raw, err := os.ReadFile("testdata/5.10.btf")
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if _, err := ParseTypes(raw[:n], "5.10"); err == nil {
			t.Fatalf("%d bytes of %d are BTF", n, len(raw))
		}
		raw[n] ^= 0x5a
		_, _ = ParseTypes(raw, "5.10") // must not panic
		raw[n] ^= 0x5a
	}
}

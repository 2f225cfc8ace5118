package btf

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// marshal returns raw BTF of types.
func marshal(tb testing.TB, types ...btf.Type) []byte {
	tb.Helper()
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := b.Marshal(nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// byName returns the first type of a kind whose name starts with prefix.
func byName(tb testing.TB, r *Raw, kind int, prefix string) Record {
	tb.Helper()
	for rec := range r.Prefixed(kind, prefix) {
		return rec
	}
	tb.Fatalf("no type %q", prefix)
	return Record{}
}

func TestDeclare(t *testing.T) {
	u32 := &btf.Typedef{Name: "u32", Type: &btf.Int{Name: "unsigned int", Size: 4}}
	s16 := &btf.Int{Name: "short", Size: 2, Encoding: btf.Signed}
	sock := &btf.Fwd{Name: "sock", Kind: btf.FwdStruct}
	sockp := &btf.Pointer{Target: sock}
	fn := &btf.FuncProto{Return: u32, Params: []btf.FuncParam{{Name: "sk", Type: sockp}, {Name: "n", Type: u32}}}
	all := &btf.Struct{Name: "all", Size: 200, Members: []btf.Member{
		{Name: "a", Type: u32},
		{Name: "b", Type: &btf.Pointer{Target: &btf.Const{Type: sock}}, Offset: 64},
		{Name: "c", Type: &btf.Pointer{Target: fn}, Offset: 128},
		{Name: "d", Type: &btf.Array{Type: s16, Index: u32, Nelems: 4}, Offset: 192},
		{Name: "e", Type: &btf.Array{Type: &btf.Pointer{Target: fn}, Index: u32, Nelems: 2}, Offset: 256},
		{Name: "f", Type: &btf.Pointer{Target: &btf.Array{Type: u32, Index: u32, Nelems: 3}}, Offset: 384},
		{Name: "g", Type: &btf.Const{Type: &btf.Pointer{Target: u32}}, Offset: 448},
		{Name: "h", Type: &btf.Pointer{Target: &btf.Void{}}, Offset: 512},
		{Name: "i", Type: &btf.Enum{Name: "state", Size: 4}, Offset: 576},
		{Name: "j", Type: &btf.Union{Size: 4, Members: []btf.Member{{Name: "x", Type: u32}}}, Offset: 608},
		{Name: "k", Type: &btf.Pointer{Target: &btf.FuncProto{Return: &btf.Void{}}}, Offset: 640},
		{Name: "l", Type: &btf.Pointer{Target: &btf.Volatile{Type: u32}}, Offset: 704},
	}}
	r, err := Parse(marshal(t, all), nil)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := r.Fields(byName(t, r, KindStruct, "al"))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		text string
		size uint32
	}{
		{"u32 a", 4}, {"const struct sock *b", 8}, {"u32 (*c)(struct sock *sk, u32 n)", 8}, {"short d[4]", 8},
		{"u32 (*e[2])(struct sock *sk, u32 n)", 16}, {"u32 (*f)[3]", 8}, {"u32 *const g", 8}, {"void *h", 8},
		{"enum state i", 4}, {"union { ... } j", 4}, {"void (*k)(void)", 8}, {"volatile u32 *l", 8},
	}
	for i, f := range fields {
		text, err := r.Declare(f.Type, f.Name)
		size, sizeErr := r.Sizeof(f.Type)
		if err != nil || sizeErr != nil || text != want[i].text || size != want[i].size {
			t.Errorf("%s: %q of %d bytes, %v, %v; want %q of %d", f.Name, text, size, err, sizeErr, want[i].text, want[i].size)
		}
	}
	rec, _, err := r.Resolve(fields[3].Type)
	if err != nil {
		t.Fatal(err)
	}
	elem, n := rec.Element()
	if e, _, err := r.Resolve(elem); err != nil || n != 4 || !e.Signed() {
		t.Errorf("elements of d: %+v, %d, %v", e, n, err)
	}
}

// TestSplit reads BTF that is split from a base, as that of modules is.
func TestSplit(t *testing.T) {
	base, err := Parse(marshal(t, &btf.Struct{Name: "in_base", Size: 4}), nil)
	if err != nil {
		t.Fatal(err)
	}
	// struct in_mod { struct in_base *x; }: a pointer to type 1 of the base, and
	// a struct of one member with strings that follow the base's.
	next := uint32(len(base.strs))
	types := binary.NativeEndian.AppendUint32(nil, 0)
	for _, v := range []uint32{KindPtr << 24, 1, next + 1, KindStruct<<24 | 1, 8, next + 8, 2, 0} {
		types = binary.NativeEndian.AppendUint32(types, v)
	}
	strs := "\x00in_mod\x00x\x00"
	var raw bytes.Buffer
	_ = binary.Write(&raw, binary.NativeEndian, header{Magic: 0xeb9f, Version: 1, HdrLen: 24, TypeLen: uint32(len(types)), StrOff: uint32(len(types)), StrLen: uint32(len(strs))})
	raw.Write(types)
	raw.WriteString(strs)
	r, err := Parse(raw.Bytes(), base)
	if err != nil {
		t.Fatal(err)
	}
	rec := byName(t, r, KindStruct, "in_")
	fields, err := r.Fields(rec)
	if err != nil || rec.ID != 3 || len(fields) != 1 {
		t.Fatalf("record %+v, fields %v, %v", rec, fields, err)
	}
	if text, err := r.Declare(fields[0].Type, fields[0].Name); err != nil || text != "struct in_base *x" {
		t.Errorf("Declare() = %q, %v", text, err)
	}
}

// damaged returns BTF with types of these words, and no strings.
func damaged(tb testing.TB, words ...uint32) *Raw {
	tb.Helper()
	var types, raw bytes.Buffer
	_ = binary.Write(&types, binary.NativeEndian, words)
	_ = binary.Write(&raw, binary.NativeEndian, header{Magic: 0xeb9f, Version: 1, HdrLen: 24, TypeLen: uint32(types.Len()), StrOff: uint32(types.Len()), StrLen: 1})
	raw.Write(types.Bytes())
	raw.WriteByte(0)
	r, err := Parse(raw.Bytes(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// TestDamaged reads types that refer to themselves, and names and sizes out of
// bounds.
func TestDamaged(t *testing.T) {
	// Functions of 8 parameters each, which are pointers to the next one: the
	// first is too long for any memory.
	var words []uint32
	for i := range uint32(14) {
		words = append(words, 0, KindFuncProto<<24|8, 0)
		for range 8 {
			words = append(words, 0, 2*i+2)
		}
		words = append(words, 0, KindPtr<<24, 2*i+3)
	}
	words[len(words)-1] = 0 // the last one to void
	r := damaged(t, words...)
	if text, err := r.Declare(1, "f"); err == nil {
		t.Errorf("Declare() of what has no end = %d bytes", len(text))
	}
	// 1: a struct with a name far behind the strings.
	r = damaged(t, math.MaxUint32, KindStruct<<24, 0)
	for rec := range r.Prefixed(KindStruct, "x") {
		t.Errorf("a struct named %q", rec.Name)
	}
	// 1: a pointer; 2: an array of as many as make 2^32 bytes.
	r = damaged(t, 0, KindPtr<<24, 0, 0, KindArray<<24, 0, 1, 0, 1<<29)
	if n, err := r.Sizeof(2); err == nil {
		t.Errorf("Sizeof() of too many pointers = %d", n)
	}
}

// TestRawKernel reads every struct of the running kernel.
func TestRawKernel(t *testing.T) {
	data, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Skip("skipping: needs the kernel's BTF:", err)
	}
	r, err := Parse(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rec := range r.Prefixed(KindStruct, "t") {
		fields, err := r.Fields(rec)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fields {
			if _, err := r.Declare(f.Type, f.Name); err != nil {
				t.Errorf("%s.%s: %v", rec.Name, f.Name, err)
			}
			if _, err := r.Sizeof(f.Type); err != nil {
				t.Errorf("%s.%s: %v", rec.Name, f.Name, err)
			}
		}
		n++
	}
	if n < 100 {
		t.Errorf("only %d structs", n)
	}
}

func FuzzRaw(f *testing.F) {
	f.Add(marshal(f, &btf.Struct{Name: "s", Size: 8, Members: []btf.Member{{Name: "p", Type: &btf.Pointer{Target: &btf.FuncProto{Return: &btf.Void{}}}}}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Parse(raw, nil)
		if err != nil {
			return
		}
		for kind := KindInt; kind <= KindEnum64; kind++ {
			for rec := range r.Prefixed(kind, "") {
				fields, _ := r.Fields(rec)
				for _, f := range fields {
					_, _ = r.Declare(f.Type, f.Name)
					_, _ = r.Sizeof(f.Type)
				}
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	vmlinux, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		b.Skip("skipping: needs the kernel's BTF:", err)
	}
	for b.Loop() {
		if _, err := Parse(vmlinux, nil); err != nil {
			b.Fatal(err)
		}
	}
}

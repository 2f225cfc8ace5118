package iter

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	type inner struct {
		A uint8
		B uint64
	}
	type odd struct {
		A    bool
		B    uint32
		C    [2]inner
		D    [3]bool
		E    int16
		_    uint32
		F    [5]byte
		G    float64
		H    complex64
		Last struct{}
	}
	d, err := newDecoder[odd]()
	if err != nil {
		t.Fatal(err)
	}
	if d.size != 80 {
		t.Errorf("size = %d, want 80", d.size)
	}
	// The record, at an address that isn't aligned, with padding that isn't 0.
	b := append(make([]byte, 0, 128), 0xff,
		2, 0xff, 0xff, 0xff, // A, a bool that no Go program could have
		1, 2, 3, 4, // B
		7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // C[0].A
		1, 0, 0, 0, 0, 0, 0, 0x80, // C[0].B
		8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // C[1].A
		2, 0, 0, 0, 0, 0, 0, 0, // C[1].B
		0, 0xff, 1, 0xff, // D
		0xfe, 0xff, 0xff, 0xff, // E
		9, 9, 9, 9, // _
		1, 2, 3, 4, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // F
		0, 0, 0, 0, 0, 0, 0xf0, 0x3f, // G
		0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, // H
	)
	want := odd{
		A: true, B: 0x04030201, C: [2]inner{{7, 1<<63 + 1}, {8, 2}}, D: [3]bool{false, true, true},
		E: -2, F: [5]byte{1, 2, 3, 4, 5}, G: 1, H: complex(1, 2),
	}
	got := odd{D: [3]bool{true, false, false}}
	d.decode(b[1:], &got)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(inner{}, odd{})); diff != "" {
		t.Errorf("decode() differs (-want +got):\n%s", diff)
	}
	for _, v := range append(got.D[:], got.A) {
		if raw := *(*uint8)(unsafe.Pointer(&v)); raw > 1 {
			t.Errorf("a bool has the value %d", raw)
		}
	}
	// Those of all goroutines are counted: many runs, since it rounds down.
	if n := testing.AllocsPerRun(1000, func() { d.decode(b[1:], &got) }); n != 0 {
		t.Errorf("decode allocates %v times", n)
	}
}

func TestDecodeScalar(t *testing.T) {
	check := func(name string, size, want int, err error) {
		t.Helper()
		if err != nil || size != want {
			t.Errorf("%s: %d bytes, %v; want %d", name, size, err, want)
		}
	}
	u32, err := newDecoder[uint32]()
	check("uint32", u32.size, 4, err)
	b, err := newDecoder[bool]()
	check("bool", b.size, 1, err)
	large, err := newDecoder[[1 << 20]byte]()
	check("[1 << 20]byte", large.size, 1<<20, err)
	if len(large.moves) != 1 {
		t.Errorf("a million bytes take %d moves", len(large.moves))
	}
	bools, err := newDecoder[[1 << 16]bool]()
	check("[1 << 16]bool", bools.size, 1<<16, err)
	if len(bools.bools) != 1 {
		t.Errorf("an array of bools takes %d moves", len(bools.bools))
	}
	tail, err := newDecoder[struct {
		A uint64
		B uint8
	}]()
	check("padding at the end", tail.size, 16, err)
	empty, err := newDecoder[struct {
		A uint32
		B [0]uint64
	}]()
	check("no element", empty.size, 8, err) // as in C: the array asks for 8-byte alignment
}

func TestDecoderRefuses(t *testing.T) {
	type node struct {
		A    int32
		Next [2]struct{ P *node }
	}
	type nested struct{ B [4][2]struct{ C int } }
	for _, tt := range []struct {
		err  func() error
		want string
	}{
		{errOf[int], "type int: the size of int depends on the platform: use int32 or int64"},
		{errOf[uint], "use uint32 or uint64"},
		{errOf[uintptr], "use uint64"},
		{errOf[string], "type string: string has no fixed size: use an array, such as [16]byte"},
		{errOf[[]uint32], "use an array, such as [16]uint32"},
		{errOf[*int32], "*int32 is a pointer"},
		{errOf[unsafe.Pointer], "is a pointer"},
		{errOf[any], "can't be in a record"},
		{errOf[map[int]int], "can't be in a record"},
		{errOf[chan int], "can't be in a record"},
		{errOf[func()], "can't be in a record"},
		{errOf[struct{}], "has no size"},
		{errOf[[0]uint32], "has no size"},
		{errOf[node], "type iter.node: field Next[].P: *iter.node is a pointer"},
		{errOf[nested], "type iter.nested: field B[][].C: the size of int"},
		{errOf[[2][3]string], "field [][]: string"},
	} {
		if err := tt.err(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

func TestDecoderRefusesHuge(t *testing.T) {
	if strconv.IntSize < 64 {
		t.Skip("skipping: no type is that large on a 32-bit platform")
	}
	mega := reflect.ArrayOf(1<<20, reflect.TypeFor[[2]uint32]())
	for _, typ := range []reflect.Type{
		reflect.ArrayOf(1<<12, mega),
		reflect.StructOf([]reflect.StructField{
			{Name: "A", Type: reflect.ArrayOf(255, mega)}, {Name: "B", Type: reflect.ArrayOf(255, mega)},
		}),
	} {
		if _, err := layoutOf(typ); err == nil || !strings.Contains(err.Error(), "any record") {
			t.Errorf("layoutOf(%v) = %v", typ.Kind(), err)
		}
	}
}

func errOf[T any]() error {
	_, err := newDecoder[T]()
	return err
}

func BenchmarkDecode(b *testing.B) {
	type record struct {
		A, B uint32
		C    bool
		D    [16]byte
		E    uint64
	}
	d, err := newDecoder[record]()
	if err != nil {
		b.Fatal(err)
	}
	raw, r := make([]byte, d.size), record{}
	b.ReportAllocs()
	for b.Loop() {
		d.decode(raw, &r)
	}
}

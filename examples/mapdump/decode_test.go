package main

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// Types of a map's values, as clang makes them.
var (
	char   = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	u8     = &btf.Typedef{Name: "__u8", Type: &btf.Int{Name: "unsigned char", Size: 1}}
	u16    = &btf.Int{Name: "unsigned short", Size: 2}
	u32    = &btf.Typedef{Name: "__u32", Type: &btf.Int{Name: "unsigned int", Size: 4}}
	s32    = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	u64    = &btf.Int{Name: "unsigned long long", Size: 8}
	u128   = &btf.Int{Name: "unsigned __int128", Size: 16}
	yes    = &btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}
	double = &btf.Float{Name: "double", Size: 8}
	state  = &btf.Enum{Name: "state", Size: 4, Signed: true, Values: []btf.EnumValue{{Name: "NEW", Value: 1}, {Name: "LOST", Value: math.MaxUint64}}}
)

func arrayOf(typ btf.Type, n uint32) *btf.Array { return &btf.Array{Type: typ, Index: u32, Nelems: n} }

// flow is a struct with most that C has. Kernels before 5.13 know no BTF of floats.
var flow = &btf.Struct{Name: "flow", Size: 64, Members: []btf.Member{
	{Name: "packets", Type: u64},
	{Name: "delta", Type: s32, Offset: 64},
	{Name: "state", Type: state, Offset: 96},
	{Name: "name", Type: arrayOf(char, 8), Offset: 128},
	{Name: "mac", Type: arrayOf(u8, 6), Offset: 192},
	{Name: "alive", Type: yes, Offset: 240},
	{Name: "low", Type: u32, Offset: 256, BitfieldSize: 3},
	{Name: "high", Type: s32, Offset: 259, BitfieldSize: 5},
	{Name: "", Type: &btf.Union{Size: 4, Members: []btf.Member{{Name: "v4", Type: u32}, {Name: "ports", Type: arrayOf(u16, 2)}}}, Offset: 288},
	{Name: "next", Type: &btf.Pointer{Target: u32}, Offset: 320},
	{Name: "nested", Type: &btf.Const{Type: &btf.Struct{Size: 8, Members: []btf.Member{{Name: "a", Type: u32}, {Name: "b", Type: u32, Offset: 32}}}}, Offset: 384},
	{Name: "last", Type: arrayOf(&btf.Struct{Name: "pair", Size: 4, Members: []btf.Member{{Name: "x", Type: u16}, {Name: "y", Type: u16, Offset: 16}}}, 2), Offset: 448},
}}

// flowBytes is a flow.
func flowBytes() []byte {
	e := binary.NativeEndian
	b := e.AppendUint64(nil, 1<<53)
	b = e.AppendUint32(b, uint32(0xfffffffb)) // -5
	b = e.AppendUint32(b, 0xffffffff)
	b = append(b, "eth0\x00\x00\x00\x00"...)
	b = append(b, 2, 0, 0, 0, 0, 1)
	b = append(b, 1, 0)
	b = append(b, 0b11110_101, 0, 0, 0)
	b = e.AppendUint16(b, 80)
	b = e.AppendUint16(b, 443)
	b = e.AppendUint64(b, 0xffff888000000000)
	b = e.AppendUint32(b, 7)
	b = e.AppendUint32(b, 8)
	for _, v := range []uint16{1, 2, 3, 4} {
		b = e.AppendUint16(b, v)
	}
	return b
}

const flowJSON = `{"packets":9007199254740992,"delta":-5,"state":"LOST","name":"eth0","mac":[2,0,0,0,0,1],"alive":true,` +
	`"low":5,"high":-2,"v4":29032528,"ports":[80,443],"next":"0xffff888000000000",` +
	`"nested":{"a":7,"b":8},"last":[{"x":1,"y":2},{"x":3,"y":4}]}`

const flowText = `{packets: 9007199254740992, delta: -5, state: "LOST", name: "eth0", mac: [2, 0, 0, 0, 0, 1], alive: true, ` +
	`low: 5, high: -2, v4: 29032528, ports: [80, 443], next: "0xffff888000000000", ` +
	`nested: {a: 7, b: 8}, last: [{x: 1, y: 2}, {x: 3, y: 4}]}`

func TestDecode(t *testing.T) {
	if !littleEndian {
		t.Skip("skipping: bit fields and unions of the test are those of a little-endian machine")
	}
	global := &btf.Datasec{Name: ".data", Size: 12, Vars: []btf.VarSecinfo{
		{Type: &btf.Var{Name: "count", Type: u32}, Offset: 0, Size: 4},
		{Type: &btf.Var{Name: "limit", Type: u64}, Offset: 4, Size: 8},
	}}
	for _, tt := range []struct {
		name string
		typ  btf.Type
		b    []byte
		want string
	}{
		{"flow", flow, flowBytes(), flowJSON},
		{"no type", nil, []byte{1, 0xab}, `"01 ab"`},
		{"too short", u64, []byte{1, 2}, `"01 02"`},
		{"enum", state, []byte{1, 0, 0, 0}, `"NEW"`},
		{"enum without a name", state, []byte{0xfe, 0xff, 0xff, 0xff}, `-2`},
		{"wide", u128, make([]byte, 16), `"00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"`},
		{"double", double, binary.NativeEndian.AppendUint64(nil, math.Float64bits(0.5)), "0.5"},
		{"float", &btf.Float{Name: "float", Size: 4}, binary.NativeEndian.AppendUint32(nil, math.Float32bits(-2)), "-2"},
		{"not a number", double, binary.NativeEndian.AppendUint64(nil, math.Float64bits(math.NaN())), `"NaN"`},
		{"not text", arrayOf(char, 3), []byte{0xff, 1, 0}, `[-1,1,0]`},
		{"text and more", arrayOf(char, 4), []byte{'a', 0, 'b', 0}, `[97,0,98,0]`},
		{"no zero", arrayOf(char, 2), []byte("ab"), `"ab"`},
		{"empty structs", arrayOf(&btf.Struct{}, math.MaxUint32), nil, `[]`},
		{"global variables", global, []byte{1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}, `{"count":1,"limit":2}`},
		{"largest", u64, []byte{255, 255, 255, 255, 255, 255, 255, 255}, `18446744073709551615`},
	} {
		got, err := json.Marshal(decode(tt.typ, tt.b))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.name, got, err, tt.want)
		}
	}
	if got := text(decode(flow, flowBytes())); got != flowText {
		t.Errorf("text: %s\nwant: %s", got, flowText)
	}
}

func TestBits(t *testing.T) {
	if !littleEndian {
		t.Skip("skipping: the numbers are those of a little-endian machine")
	}
	b := []byte{0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, 0x0f, 0xff}
	for _, tt := range []struct {
		off, n int
		want   uint64
	}{{0, 8, 0x10}, {4, 8, 0x21}, {0, 64, 0xfedcba9876543210}, {4, 64, 0xffedcba987654321}, {72, 8, 0xff}, {79, 1, 1}, {7, 2, 0}, {5, 1, 0}, {4, 1, 1}} {
		if got := bits(b, tt.off, tt.n); got != tt.want {
			t.Errorf("bits(%d, %d) = %#x, want %#x", tt.off, tt.n, got, tt.want)
		}
	}
}

// FuzzDecode decodes bytes of any length as types of any other.
func FuzzDecode(f *testing.F) {
	f.Add(flowBytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, typ := range []btf.Type{flow, state, u128, double, arrayOf(char, 5), nil} {
			if _, err := json.Marshal(decode(typ, b)); err != nil {
				t.Error(err)
			}
		}
	})
}

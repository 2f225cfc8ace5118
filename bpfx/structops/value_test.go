package structops

import (
	"bytes"
	"testing"
)

type flags uint8

func TestEncode(t *testing.T) {
	u32 := Member{decl: "u32 x", Size: 4, scalar: true}
	s8 := Member{decl: "s8 x", Size: 1, scalar: true, signed: true}
	s64 := Member{decl: "s64 x", Size: 8, scalar: true, signed: true}
	u64 := Member{decl: "u64 x", Size: 8, scalar: true}
	text := Member{decl: "char x[4]", Size: 4, chars: true}
	pointer := Member{decl: "void *x", Size: 8}
	list := Member{decl: "struct list_head x", Size: 16}
	for _, tt := range []struct {
		name  string
		m     Member
		v     any
		want  []byte
		fails bool
	}{
		{"int", u32, 258, []byte{2, 1, 0, 0}, false},
		{"named type", u32, flags(3), []byte{3, 0, 0, 0}, false},
		{"bool", u32, true, []byte{1, 0, 0, 0}, false},
		{"false", u32, false, []byte{0, 0, 0, 0}, false},
		{"largest", u32, uint32(1<<32 - 1), []byte{255, 255, 255, 255}, false},
		{"too large", u32, int64(1 << 32), nil, true},
		{"negative", u32, -1, nil, true},
		{"bytes of a scalar", u32, []byte{1, 2, 3, 4}, []byte{1, 2, 3, 4}, false},
		{"too few bytes of a scalar", u32, []byte{1}, nil, true},
		{"float", u32, 1.5, nil, true},
		{"text for a scalar", u32, "1", nil, true},
		{"nil", u32, nil, nil, true},
		{"smallest", s8, -128, []byte{0x80}, false},
		{"too small", s8, -129, nil, true},
		{"signed too large", s8, 128, nil, true},
		{"smallest of 64", s64, int64(-1 << 63), []byte{0, 0, 0, 0, 0, 0, 0, 0x80}, false},
		{"largest of 64", u64, ^uint64(0), []byte{255, 255, 255, 255, 255, 255, 255, 255}, false},
		{"signed largest of 64", s64, ^uint64(0), nil, true},
		{"text", text, "abc", []byte("abc\x00"), false},
		{"long text", text, "abcd", nil, true},
		{"short bytes", text, []byte("ab"), []byte("ab\x00\x00"), false},
		{"pointer", pointer, uint64(1), []byte{1, 0, 0, 0, 0, 0, 0, 0}, false},
		{"struct", list, bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{1}, 16), false},
		{"short struct", list, []byte{1}, nil, true},
		{"zero struct", list, 0, make([]byte, 16), false},
		{"struct as int", list, 1, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.m.encode(tt.v)
			if (err != nil) != tt.fails || !tt.fails && !bytes.Equal(got, tt.want) {
				t.Errorf("encode(%v) = %v, %v; want %v, error %v", tt.v, got, err, tt.want, tt.fails)
			}
		})
	}
}

package btf

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// raw returns BTF without types that has these strings.
func raw(strings string) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.NativeEndian, header{ // a Buffer takes all
		Magic: 0xeb9f, Version: 1, HdrLen: 24, StrLen: uint32(len(strings)),
	})
	b.WriteString(strings)
	return b.Bytes()
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		name   string
		raw    []byte
		prefix string
		want   []string
		fails  bool
	}{
		{"some", raw("\x00ops_b\x00int\x00ops_a\x00xops_c\x00"), "ops_", []string{"ops_a", "ops_b"}, false},
		{"neighbours", raw("\x00ops_a\x00ops_b\x00ops_a\x00"), "ops_", []string{"ops_a", "ops_b"}, false},
		{"none", raw("\x00int\x00"), "ops_", nil, false},
		{"empty", raw("\x00"), "ops_", nil, false},
		{"cut", raw("\x00ops_a\x00")[:28], "ops_", nil, true},
		{"no end", raw("\x00ops_a"), "ops_", nil, true},
		{"no header", []byte{0x9f, 0xeb}, "ops_", nil, true},
		{"other magic", make([]byte, 24), "ops_", nil, true},
		{"nothing", nil, "ops_", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Names(tt.raw, tt.prefix)
			if diff := cmp.Diff(tt.want, got); diff != "" || (err != nil) != tt.fails {
				t.Errorf("Names() = %v, %v; want %v, error %v", got, err, tt.want, tt.fails)
			}
		})
	}
}

func FuzzNames(f *testing.F) {
	f.Add(raw("\x00ops_a\x00"), "ops_")
	f.Add(raw(""), "")
	f.Fuzz(func(t *testing.T, raw []byte, prefix string) {
		if names, err := Names(raw, prefix); err != nil && names != nil {
			t.Errorf("Names() = %v, %v", names, err)
		}
	})
}

func BenchmarkNames(b *testing.B) {
	vmlinux, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		b.Skip("skipping: needs the kernel's BTF:", err)
	}
	for b.Loop() {
		if _, err := Names(vmlinux, "bpf_struct_ops_"); err != nil {
			b.Fatal(err)
		}
	}
}

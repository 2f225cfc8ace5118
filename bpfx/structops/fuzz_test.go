package structops

import (
	"bytes"
	"debug/elf"
	"os"
	"testing"
)

// FuzzFromReader reads damaged objects: an error, or specs that can be checked
// and copied.
func FuzzFromReader(f *testing.F) {
	types, err := ParseTypes(seed(f, "testdata/6.12.btf"), "6.12")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed(f, plainObject))
	f.Add(seed(f, "testdata/pair_bpfel.o"))
	f.Fuzz(func(t *testing.T, object []byte) {
		if zeros(object) > 1<<24 {
			t.Skip("cilium/ebpf allocates the whole of a .bss, which the kernel takes up to 2 GB of")
		}
		specs, err := FromReader(bytes.NewReader(object))
		if (err == nil) == (len(specs) == 0) {
			t.Fatalf("FromReader() = %d specs, %v", len(specs), err)
		}
		for _, s := range specs {
			if s.Type == "" || s.Copy().String() != s.String() {
				t.Fatalf("a spec of type %q prints %q, its copy %q", s.Type, s, s.Copy())
			}
			for _, typ := range types {
				if typ.Name == s.Type {
					_ = Validate(s, typ) // must not panic
				}
			}
		}
	})
}

// FuzzParseTypes reads damaged BTF: an error, or types that print.
func FuzzParseTypes(f *testing.F) {
	f.Add(seed(f, "testdata/5.10.btf"))
	f.Add(seed(f, "testdata/7.3.btf"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		types, err := ParseTypes(raw, "6.12")
		if err != nil && len(types) > 0 {
			t.Fatalf("ParseTypes() = %d types, %v", len(types), err)
		}
		for _, typ := range types {
			if typ.Name == "" || typ.String() == "" {
				t.Fatalf("type %q prints %q", typ.Name, typ)
			}
		}
	})
}

// zeros returns how many bytes of an object aren't in the file.
func zeros(object []byte) (n uint64) {
	defer func() { _ = recover() }() // debug/elf has panicked on damaged files
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return 0
	}
	for _, sec := range f.Sections {
		if sec.Type == elf.SHT_NOBITS {
			n = max(n, sec.Size)
		}
	}
	return n
}

func seed(f *testing.F, path string) []byte {
	f.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	return data
}

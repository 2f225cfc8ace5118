package bpfx

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFindFile(t *testing.T) {
	bin, lib := t.TempDir(), t.TempDir()
	for path, mode := range map[string]os.FileMode{
		filepath.Join(bin, "bpfx-tool"):     0o755,
		filepath.Join(bin, "bpfx-text"):     0o644,
		filepath.Join(lib, "bpfx-tool"):     0o755, // PATH comes first
		filepath.Join(lib, "libbpfx.so.1"):  0o644,
		filepath.Join(bin, "libbpfx2.so"):   0o755,
		filepath.Join(lib, "bpfx-dir/file"): 0o755,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+lib)
	t.Setenv("LD_LIBRARY_PATH", lib)
	for _, tt := range []struct{ name, want string }{
		{"bpfx-tool", filepath.Join(bin, "bpfx-tool")},
		{"libbpfx.so.1", filepath.Join(lib, "libbpfx.so.1")},
		{"bpfx-text", ""},
		{"libbpfx2.so", ""}, // a library isn't looked for in PATH
		{"bpfx-dir", ""},
		{"bpfx-none", ""},
		{"./bpfx-none", "./bpfx-none"},
		{"/bpfx/none.so", "/bpfx/none.so"},
	} {
		got, err := findFile(tt.name)
		if got != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("findFile(%q) = %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}

package btf

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestStore(t *testing.T) {
	dir := t.TempDir()
	touch := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	touch("vmlinux")
	s := &Store{dir: dir}
	first := s.Cache()
	if s.Cache() != first {
		t.Error("the second Cache is another")
	}
	if s.Renew(first) || s.Cache() != first {
		t.Error("renewed, but nothing changed")
	}
	touch("veth") // a module was loaded
	if !s.Renew(first) {
		t.Error("not renewed after a module was loaded")
	}
	second := s.Cache()
	if second == first {
		t.Error("Cache is the old one after Renew")
	}
	if !s.Renew(first) || s.Cache() != second {
		t.Error("what another goroutine renewed was renewed again")
	}
	// The module is loaded again: same name, another file.
	keep, err := os.Open(filepath.Join(dir, "veth")) // its inode stays taken
	if err != nil {
		t.Fatal(err)
	}
	defer keep.Close()
	if err := os.Remove(keep.Name()); err != nil {
		t.Fatal(err)
	}
	touch("veth")
	if !s.Renew(second) {
		t.Error("not renewed after a module was loaded again")
	}
	third := s.Cache()
	s.Release()
	if s.Cache() == third {
		t.Error("Cache is the old one after Release")
	}
}

func TestStoreConcurrent(t *testing.T) {
	s := &Store{dir: t.TempDir()}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				s.Renew(s.Cache())
				s.Release()
			}
		})
	}
	wg.Wait()
	if s.Cache() == nil {
		t.Error("Cache() = nil")
	}
}

package main

import (
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, file string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMoveModules(t *testing.T) {
	for _, at := range []string{"lib/modules", "usr/lib/modules"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, at, "6.1.0/kernel/a.ko"))
		write(t, filepath.Join(dir, "usr/share/doc/x"))
		release, err := moveModules(dir)
		if err != nil || release != "6.1.0" {
			t.Errorf("moveModules from %s = %q, %v", at, release, err)
		}
		for _, file := range []string{"lib/modules/6.1.0/kernel/a.ko", "usr/lib/modules/6.1.0/kernel/a.ko"} {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Errorf("from %s: %v", at, err)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "usr/share")); err == nil {
			t.Errorf("from %s: usr/share is still there", at)
		}
	}
}

func TestMoveModulesErrors(t *testing.T) {
	none, two := t.TempDir(), t.TempDir()
	write(t, filepath.Join(two, "lib/modules/6.1.0/x"))
	write(t, filepath.Join(two, "lib/modules/6.1.1/x"))
	for _, dir := range []string{none, two} {
		if release, err := moveModules(dir); err == nil {
			t.Errorf("moveModules = %q, want an error", release)
		}
	}
}

func TestMoveUnless(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "modules/vmlinuz"), filepath.Join(dir, "boot/vmlinuz")
	if err := moveUnless(to, from); err == nil {
		t.Error("moveUnless with neither: want an error")
	}
	write(t, from)
	for range 2 { // the second time it is there already
		if err := moveUnless(to, from); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(to); err != nil {
		t.Error(err)
	}
}

package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestOpenCache(t *testing.T) {
	dir := t.TempDir()
	env := func(pairs ...string) func(string) string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return func(key string) string { return m[key] }
	}
	tests := []struct {
		name   string
		getenv func(string) string
		want   string
	}{
		{"own", env("BPFX_VMTEST_CACHE", dir+"/own", "HOME", "/nope"), dir + "/own"},
		{"XDG", env("XDG_CACHE_HOME", dir, "HOME", "/nope"), dir + "/bpfx-vmtest"},
		{"home", env("HOME", dir), dir + "/.cache/bpfx-vmtest"},
		{"hidden from the guest", env("BPFX_VMTEST_CACHE", "/var/tmp/x"), ""},
		{"no home", env(), ""},
		{"with a blank", env("BPFX_VMTEST_CACHE", dir+"/a b"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cache, err := openCache(test.getenv)
			switch {
			case test.want == "" && err == nil:
				t.Errorf("openCache = %v, want an error", cache)
			case test.want != "" && (err != nil || cache.Dir != test.want):
				t.Errorf("openCache = %v, %v; want %s", cache, err, test.want)
			}
		})
	}
}

func TestCachedKernel(t *testing.T) {
	c := &Cache{Dir: t.TempDir()}
	if _, err := c.Kernel("6.1"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Kernel of an empty cache: %v", err)
	}
	dir := c.KernelDir("6.1")
	if err := os.MkdirAll(filepath.Join(dir, "boot"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeStamp(dir, Kernel{Series: "6.1", Release: "6.1.0", Image: "boot/vmlinuz", Config: "boot/config"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kernel("6.1"); err == nil {
		t.Error("Kernel without its image: want an error")
	}
	for _, name := range []string{"vmlinuz", "config"} {
		if err := os.WriteFile(filepath.Join(dir, "boot", name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	k, err := c.Kernel("6.1")
	if err != nil || k.Image != filepath.Join(dir, "boot/vmlinuz") || k.Release != "6.1.0" {
		t.Errorf("Kernel = %+v, %v", k, err)
	}
}

func TestMissingTools(t *testing.T) {
	lookup := func(name string) (string, error) {
		if name == "vng" || name == "udevd" {
			return "/bin/" + name, nil
		}
		return "", os.ErrNotExist
	}
	got := missingTools([]tool{{"virtme-ng", []string{"vng"}}, {"udev", []string{"/x/udevd", "udevd"}}, {"qemu", []string{"qemu"}}}, lookup)
	if len(got) != 1 || got[0] != "qemu" {
		t.Errorf("missingTools = %q", got)
	}
	if got := sbinPath("/bin:/sbin"); got != "/bin:/sbin:/usr/sbin" {
		t.Errorf("sbinPath = %q", got)
	}
}

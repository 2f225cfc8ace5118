package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Cache is the directory, outside the repository, that keeps kernels and the logs of failed runs.
type Cache struct{ Dir string }

// Kernel is one unpacked kernel in the cache.
type Kernel struct {
	Series   string   `json:"series"`
	Release  string   `json:"release"`  // uname -r
	Packages []string `json:"packages"` // name and version
	Image    string   `json:"image"`    // bzImage, relative to the kernel's directory
	Config   string   `json:"config"`   // relative to the kernel's directory
}

// hidden are directories that virtme-ng covers in the guest, so nothing it needs may lie there.
var hidden = []string{"/var/cache", "/var/tmp", "/var/log", "/var/lib/apt", "/run", "/dev", "/proc", "/sys"}

// openCache finds the cache directory from the environment and makes it.
func openCache(getenv func(string) string) (*Cache, error) {
	dir := getenv("BPFX_VMTEST_CACHE")
	if dir == "" {
		base := getenv("XDG_CACHE_HOME")
		if base == "" && getenv("HOME") == "" {
			return nil, fmt.Errorf("cache directory: neither BPFX_VMTEST_CACHE nor XDG_CACHE_HOME nor HOME is set")
		}
		if base == "" {
			base = filepath.Join(getenv("HOME"), ".cache")
		}
		dir = filepath.Join(base, "bpfx-vmtest")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cache directory: %w", err)
	}
	for _, h := range hidden {
		if dir == h || strings.HasPrefix(dir, h+"/") {
			return nil, fmt.Errorf("cache directory %s: the guest can't see %s; set BPFX_VMTEST_CACHE to another place", dir, h)
		}
	}
	if strings.ContainsAny(dir, " ,=\"'`") {
		return nil, fmt.Errorf("cache directory %q: blanks, commas, equal signs and quotes break the kernel's command line; set BPFX_VMTEST_CACHE", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache directory: %w", err)
	}
	return &Cache{Dir: dir}, nil
}

// KernelDir is where the kernel of a series is unpacked.
func (c *Cache) KernelDir(series string) string { return filepath.Join(c.Dir, "kernels", series) }

func (c *Cache) stamp(series string) string {
	return filepath.Join(c.KernelDir(series), "kernel.json")
}

// Kernel returns the cached kernel of a series, with absolute paths.
// Returns an error wrapping [os.ErrNotExist] if it isn't cached.
func (c *Cache) Kernel(series string) (*Kernel, error) {
	text, err := os.ReadFile(c.stamp(series))
	if err != nil {
		return nil, fmt.Errorf("kernel %s isn't in the cache (%s): run `make vmtest-setup` or `go run ./vmtest setup -kernels %s`: %w",
			series, c.Dir, series, err)
	}
	var k Kernel
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("kernel %s: read %s: %w", series, c.stamp(series), err)
	}
	k.Image = filepath.Join(c.KernelDir(series), k.Image)
	k.Config = filepath.Join(c.KernelDir(series), k.Config)
	for _, file := range []string{k.Image, k.Config} {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("kernel %s: the cache is damaged, run `go run ./vmtest setup -kernels %s`: %w", series, series, err)
		}
	}
	return &k, nil
}

// writeStamp marks dir as a whole kernel; it is written last.
func writeStamp(dir string, k Kernel) error {
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return fmt.Errorf("kernel %s: %w", k.Series, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kernel.json"), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("kernel %s: %w", k.Series, err)
	}
	return nil
}

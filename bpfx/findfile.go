package bpfx

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// findFile returns the path of an executable or shared library that a section
// name gives. One without a slash is searched for where libbpf does
// (tools/lib/bpf/libbpf.c, resolve_full_path).
func findFile(name string) (string, error) {
	if strings.ContainsRune(name, '/') {
		return name, nil
	}
	dirs := os.Getenv("PATH") + ":/usr/bin:/usr/sbin"
	mode := os.FileMode(0o111)
	if strings.HasSuffix(name, ".so") || strings.Contains(name, ".so.") {
		dirs = os.Getenv("LD_LIBRARY_PATH") + ":/usr/lib64:/usr/lib:" + libraryDirs[runtime.GOARCH]
		mode = 0o444
	}
	for dir := range strings.SplitSeq(dirs, ":") {
		path := filepath.Join(dir, name)
		if st, err := os.Stat(path); dir != "" && err == nil && st.Mode().IsRegular() && st.Mode()&mode != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("file %q is in none of %s: %w", name, strings.Trim(dirs, ":"), os.ErrNotExist)
}

// libraryDirs are where Debian has the libraries of an architecture.
var libraryDirs = map[string]string{
	"386":     "/lib/i386-linux-gnu",
	"amd64":   "/lib/x86_64-linux-gnu",
	"arm":     "/lib/arm-linux-gnueabihf",
	"arm64":   "/lib/aarch64-linux-gnu",
	"ppc64le": "/lib/powerpc64le-linux-gnu",
	"riscv64": "/lib/riscv64-linux-gnu",
	"s390x":   "/lib/s390x-linux-gnu",
}

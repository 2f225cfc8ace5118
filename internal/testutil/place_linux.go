package testutil

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/mounts"
	"github.com/bpfx/go/internal/netns"
)

// Netns moves the test to a network namespace of its own, with lo up. It
// locks the test's goroutine to its thread for good, so it must be called by
// the test that sends and receives, not by its parent.
func Netns(tb testing.TB) {
	tb.Helper()
	NeedRoot(tb)
	if err := netns.Enter(); err != nil {
		tb.Fatal(err)
	}
}

// BPFFS mounts a bpf filesystem of its own and returns where. It is unmounted
// when the test ends, and with it goes what was pinned there.
func BPFFS(tb testing.TB) string {
	tb.Helper()
	NeedRoot(tb)
	dir := tb.TempDir()
	if err := unix.Mount("bpf", dir, "bpf", 0, ""); err != nil {
		tb.Fatal("mount bpffs:", err)
	}
	tb.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			tb.Error("unmount bpffs:", err)
		}
	})
	return dir
}

// Cgroup makes a cgroup of its own in the cgroup2 hierarchy and returns where.
// It is removed when the test ends.
func Cgroup(tb testing.TB) string {
	tb.Helper()
	NeedRoot(tb)
	root, _, err := currentCgroup()
	if err != nil {
		tb.Fatal(err)
	}
	if root == "" {
		tb.Skip("skipping cgroups: Requires CONFIG_CGROUPS (cgroup2 is not mounted; try: mount -t cgroup2 cgroup2 /sys/fs/cgroup)")
	}
	dir, err := os.MkdirTemp(root, "bpfx-test-")
	if err != nil {
		tb.Fatal("make a cgroup:", err)
	}
	tb.Cleanup(func() {
		// Threads and processes that have ended, and were even waited for, may
		// still be in it for a moment: removing it is EBUSY then.
		Eventually(tb, "the cgroup is empty", func() bool {
			events, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
			return err != nil || !strings.Contains(string(events), "populated 1")
		})
		if err := os.Remove(dir); err != nil {
			tb.Error("remove the cgroup:", err)
		}
	})
	return dir
}

// EnterCgroup moves this process, with all its threads, to a cgroup. When the
// test ends it goes back.
func EnterCgroup(tb testing.TB, dir string) {
	tb.Helper()
	root, path, err := currentCgroup()
	if err != nil {
		tb.Fatal(err)
	}
	move := func(dir string) {
		file := filepath.Join(dir, "cgroup.procs")
		if err := os.WriteFile(file, []byte("0"), 0); err != nil {
			tb.Fatal("move to a cgroup:", err)
		}
	}
	move(dir)
	tb.Cleanup(func() { move(filepath.Join(root, path)) })
}

// JoinCgroup makes a cgroup as [Cgroup] does and moves this process there.
func JoinCgroup(tb testing.TB) string {
	tb.Helper()
	dir := Cgroup(tb)
	EnterCgroup(tb, dir)
	return dir
}

// currentCgroup returns where the cgroup2 hierarchy is mounted, "" if it isn't,
// and where this process is in it.
func currentCgroup() (root, path string, err error) {
	if root, err = mounts.Of(os.DirFS("/"), "cgroup2"); err != nil {
		return "", "", err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(own)) {
		if p, ok := strings.CutPrefix(line, "0::"); ok {
			path = strings.TrimSpace(p)
		}
	}
	return root, path, nil
}

// NeedModule loads a kernel module unless it is there already, and skips tb if
// it can't. config is the option that it is built by, such as "CONFIG_VETH".
func NeedModule(tb testing.TB, name, config string) {
	tb.Helper()
	NeedRoot(tb)
	if _, err := os.Stat("/sys/module/" + name); err == nil {
		return
	}
	if set, known := kernelConfig(config); known && !set {
		tb.Skipf("skipping %s: Requires %s (%s)", name, config, vmRemedy)
	}
	if out, err := exec.Command("modprobe", name).CombinedOutput(); err != nil {
		if _, known := kernelConfig(config); known && os.Getenv("BPFX_VMTEST") != "" {
			tb.Fatalf("module %s: %v: %s", name, err, out)
		}
		tb.Skipf("skipping %s: Requires %s (modprobe: %s; %s)", name, config, strings.TrimSpace(string(out)), vmRemedy)
	}
}

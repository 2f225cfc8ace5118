package testutil

import (
	"testing"

	"golang.org/x/sys/unix"

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

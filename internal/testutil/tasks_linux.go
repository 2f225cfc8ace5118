package testutil

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Guarded reports whether the kernel keeps a process even from root. One of a
// vendor was seen to keep its first process from iterators too.
func Guarded(pid int32) bool {
	_, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	return errors.Is(err, os.ErrPermission) && os.Getenv("BPFX_VMTEST") == ""
}

// SinceBoot returns how long ago the machine started, with the time that it
// slept.
func SinceBoot(tb testing.TB) time.Duration {
	tb.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(now.Nano())
}

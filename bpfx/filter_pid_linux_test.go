package bpfx_test

import (
	"os"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestInitialPID asks in the initial PID namespace and in one of its own, in
// which /proc still has the initial one's.
func TestInitialPID(t *testing.T) {
	testutil.NeedRoot(t)
	own := os.Getenv("BPFX_TEST_AGAIN") != ""
	if !own {
		testutil.NeedInitialPIDs(t)
		defer again(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID})
	}
	if own != (os.Getpid() == 1) {
		t.Fatalf("os.Getpid() = %d; in a namespace of its own: %v", os.Getpid(), own)
	}
	self, err := os.Readlink("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := bpfx.InitialPID()
	if err != nil {
		t.Fatal(err)
	}
	if strconv.Itoa(pid) != self {
		t.Errorf("InitialPID() = %d, want %s", pid, self)
	}
}

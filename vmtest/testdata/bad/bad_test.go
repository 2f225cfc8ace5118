//go:build linux

// Package bad holds tests that misbehave on purpose. The runner's own tests run them, one at a
// time, in a VM; anywhere else they skip.
package bad

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func needVM(t *testing.T) {
	t.Helper()
	if os.Getenv("BPFX_VMTEST") == "" {
		t.Skip("skipping: breaks the machine (try go run ./vmtest -packages ./vmtest/testdata/bad -run " + t.Name() + ")")
	}
	t.Log("last words of", t.Name())
}

func TestPass(t *testing.T) { needVM(t) }

func TestFail(t *testing.T) {
	needVM(t)
	t.Error("fails on purpose")
}

func TestHang(t *testing.T) {
	needVM(t)
	select {}
}

// TestStubborn ends neither by the testing package's limit nor by SIGQUIT.
func TestStubborn(t *testing.T) {
	needVM(t)
	if err := unix.Exec("/bin/sh", []string{"sh", "-c", "trap '' QUIT; while :; do sleep 1; done"}, os.Environ()); err != nil {
		t.Fatal(err)
	}
}

func TestFlood(t *testing.T) {
	needVM(t)
	for line := strings.Repeat("flood ", 10000); ; {
		fmt.Println(line)
	}
}

func TestPanic(t *testing.T) {
	needVM(t)
	if err := os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
}

// TestKillAll kills everything but init, the runner's agent included.
func TestKillAll(t *testing.T) {
	needVM(t)
	if err := unix.Kill(-1, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(os.Getpid(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// TestKillInit makes init exit, which panics the kernel.
func TestKillInit(t *testing.T) {
	needVM(t)
	if err := unix.PtraceAttach(1); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(1, &status, unix.WALL, nil); err != nil {
		t.Fatal(err)
	}
	// A traced init dies of a signal that its tracer lets through.
	if err := unix.PtraceCont(1, int(unix.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
}

func TestPowerOff(t *testing.T) {
	needVM(t)
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		t.Fatal(err)
	}
}

// TestFreeze stops the runner's agent, so that only the host can end the guest.
func TestFreeze(t *testing.T) {
	needVM(t)
	if err := unix.Kill(os.Getppid(), unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	select {}
}

func TestUndeclared(t *testing.T) {
	needVM(t)
	t.Skip("skipping time travel: Requires Linux 99.0 (try later)")
}

func TestFalse(t *testing.T) {
	needVM(t)
	t.Skip("skipping the past: Requires Linux 4.4 (this is not true)")
}

func TestFalseConfig(t *testing.T) {
	needVM(t)
	t.Skip("skipping BPF: Requires CONFIG_BPF (this is not true)")
}

func TestReasonless(t *testing.T) {
	needVM(t)
	t.Skip("not today")
}

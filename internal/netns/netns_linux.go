package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Enter moves the calling goroutine into a new network namespace in which
// only the loopback interface exists, and is up.
//
// The goroutine is locked to its thread and stays so: when it ends, the Go
// runtime ends the thread too, so no other goroutine ever runs in the wrong
// namespace. The namespace goes with the last thread, socket or file that
// refers to it. Goroutines that it starts are in the old namespace; sockets
// belong to the namespace of the goroutine that opens them.
//
// Requires CAP_SYS_ADMIN. Must not be called from the main goroutine of a
// program that goes on to need its old namespace, nor where a goroutine may be
// on the process's first thread, which never ends: [Do] takes care of that, and
// so does a main goroutine that stays locked to its thread.
func Enter() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread() // nothing was changed
		return fmt.Errorf("create a network namespace: %w", err)
	}
	return LoopbackUp()
}

// Do calls fn in a network namespace of its own and waits for it. fn runs on
// a goroutine of its own, so it must not call testing's FailNow or Skip.
func Do(fn func() error) error { return away(Enter, fn) }

// In calls fn in a network namespace that is open and waits for it. Unless the
// calling thread is there, fn runs on a goroutine of its own, as with [Do], and
// it requires CAP_SYS_ADMIN.
func In(ns *os.File, fn func() error) error {
	runtime.LockOSThread() // so that fn runs where the calling thread is
	defer runtime.UnlockOSThread()
	there, err := ns.Stat()
	if err != nil {
		return err
	}
	here, err := os.Stat(current)
	if err != nil {
		return err
	}
	if os.SameFile(here, there) {
		return fn()
	}
	return away(func() error {
		return os.NewSyscallError("setns", unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET))
	}, fn)
}

// away calls fn on a goroutine of its own, after enter moved it to another
// namespace. If that failed without moving it, enter has no lock on its thread.
func away(enter, fn func() error) error {
	err := make(chan error, 1)
	go func() {
		result := errors.New("function ended by runtime.Goexit")
		defer func() { err <- result }()
		// The runtime doesn't end the process's first thread with a goroutine, but
		// keeps it, and with it its namespace. While this goroutine holds it, another
		// one is on another.
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			result = away(enter, fn)
			return
		}
		if e := enter(); e != nil {
			runtime.UnlockOSThread()
			result = e
			return
		}
		result = fn()
	}()
	return <-err
}

// current is the network namespace of the calling thread.
const current = "/proc/thread-self/ns/net"

// Current opens the network namespace of the calling thread.
func Current() (*os.File, error) { return os.Open(current) }

// LoopbackUp sets lo up in the namespace of the calling thread.
func LoopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

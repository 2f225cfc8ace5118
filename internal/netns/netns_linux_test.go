package netns_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/netns"
	"github.com/bpfx/go/internal/testutil"
)

func namespace(t *testing.T) string {
	t.Helper()
	ns, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

func TestDo(t *testing.T) {
	testutil.NeedRoot(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := namespace(t)
	err := netns.Do(func() error {
		if got := namespace(t); got == before {
			t.Error("fn runs in the caller's namespace")
		}
		lo, err := net.InterfaceByName("lo")
		if err != nil {
			return err
		}
		if lo.Flags&net.FlagUp == 0 {
			t.Errorf("lo is %v, want up", lo.Flags)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		return l.Close()
	})
	if err != nil {
		t.Error(err)
	}
	if got := namespace(t); got != before {
		t.Errorf("the caller is in %s, was in %s", got, before)
	}
}

// TestIn goes back and forth between two namespaces.
func TestIn(t *testing.T) {
	testutil.NeedRoot(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := namespace(t)
	home, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	thread := unix.Gettid()
	if err := netns.In(home, func() error {
		if got := unix.Gettid(); got != thread {
			t.Errorf("In the caller's namespace: fn runs on thread %d, want the caller's, %d", got, thread)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	err = netns.Do(func() error {
		inside := namespace(t)
		err := netns.In(home, func() error {
			if got := namespace(t); got != before {
				t.Errorf("fn runs in %s, want %s", got, before)
			}
			return nil
		})
		if got := namespace(t); got != inside {
			t.Errorf("the caller is in %s, was in %s", got, inside)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := netns.In(file, func() error { t.Error("called"); return nil }); !errors.Is(err, unix.EINVAL) {
		t.Errorf("In what is no namespace = %v, want EINVAL", err)
	}
}

func TestDoError(t *testing.T) {
	testutil.NeedRoot(t)
	want := errors.New("fn")
	if got := netns.Do(func() error { return want }); !errors.Is(got, want) {
		t.Errorf("Do() = %v, want %v", got, want)
	}
	err := netns.Do(func() error { runtime.Goexit(); return nil })
	if err == nil || !strings.Contains(err.Error(), "Goexit") {
		t.Errorf("Do() = %v, want an error that says Goexit", err)
	}
}

// TestVethSends sends from one device of a pair as soon as there is one: the
// other must receive it.
func TestVethSends(t *testing.T) {
	testutil.Netns(t)
	for i := range 10 {
		name, peer := fmt.Sprint("from", i), fmt.Sprint("to", i)
		err := netns.NewVeth(name, peer)
		if errors.Is(err, unix.EOPNOTSUPP) {
			testutil.NeedConfig(t, "CONFIG_VETH", "veth")
		}
		if err != nil {
			t.Fatal(err)
		}
		from, to := packetSocket(t, name), packetSocket(t, peer)
		if _, err := unix.Write(from, bytes.Repeat([]byte{0x88, 0xb5}, 30)); err != nil {
			t.Fatal(err)
		}
		if n, _, err := unix.Recvfrom(to, make([]byte, 64), 0); err != nil || n != 60 {
			t.Fatalf("pair %d received %d bytes, %v; want 60", i, n, err)
		}
	}
}

// packetSocket opens a socket for frames of an EtherType for experiments, which
// gives up receiving after a while.
func packetSocket(t *testing.T, device string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	i, err := net.InterfaceByName(device)
	if err != nil {
		t.Fatal(err)
	}
	proto := binary.NativeEndian.Uint16([]byte{0x88, 0xb5})
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: i.Index}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
		t.Fatal(err)
	}
	return fd
}

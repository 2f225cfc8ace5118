package bpfx_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// cgroupTests returns a row for each attach type of cgroups.
func cgroupTests() []hookTest {
	var rows []hookTest
	for _, c := range []struct {
		name  string
		typ   ebpf.AttachType
		since string
		fire  func(testing.TB)
	}{
		{"cgroup_skb/ingress", ebpf.AttachCGroupInetIngress, "4.10", sendUDP},
		{"cgroup_skb/egress", ebpf.AttachCGroupInetEgress, "4.10", sendUDP},
		{"cgroup/sock_create", ebpf.AttachCGroupInetSockCreate, "4.10", sendUDP},
		{"cgroup/sock_release", ebpf.AttachCgroupInetSockRelease, "5.9", sendUDP},
		{"cgroup/post_bind4", ebpf.AttachCGroupInet4PostBind, "4.17", unconnected("127.0.0.1")},
		{"cgroup/post_bind6", ebpf.AttachCGroupInet6PostBind, "4.17", unconnected("::1")},
		{"sockops", ebpf.AttachCGroupSockOps, "4.13", connectTCP},
		{"cgroup/dev", ebpf.AttachCGroupDevice, "4.15", openNull},
		{"cgroup/sysctl", ebpf.AttachCGroupSysctl, "5.2", readSysctl},
		{"cgroup/getsockopt", ebpf.AttachCGroupGetsockopt, "5.3", connectTCP},
		{"cgroup/setsockopt", ebpf.AttachCGroupSetsockopt, "5.3", connectTCP},
		{"cgroup/bind4", ebpf.AttachCGroupInet4Bind, "4.17", unconnected("127.0.0.1")},
		{"cgroup/bind6", ebpf.AttachCGroupInet6Bind, "4.17", unconnected("::1")},
		{"cgroup/connect4", ebpf.AttachCGroupInet4Connect, "4.17", connected("127.0.0.1")},
		{"cgroup/connect6", ebpf.AttachCGroupInet6Connect, "4.17", connected("::1")},
		{"cgroup/connect_unix", ebpf.AttachCgroupUnixConnect, "6.7", sendUnix},
		{"cgroup/sendmsg4", ebpf.AttachCGroupUDP4Sendmsg, "4.18", unconnected("127.0.0.1")},
		{"cgroup/sendmsg6", ebpf.AttachCGroupUDP6Sendmsg, "4.18", unconnected("::1")},
		{"cgroup/sendmsg_unix", ebpf.AttachCgroupUnixSendmsg, "6.7", sendUnix},
		{"cgroup/recvmsg4", ebpf.AttachCGroupUDP4Recvmsg, "5.2", unconnected("127.0.0.1")},
		{"cgroup/recvmsg6", ebpf.AttachCGroupUDP6Recvmsg, "5.2", unconnected("::1")},
		{"cgroup/recvmsg_unix", ebpf.AttachCgroupUnixRecvmsg, "6.7", sendUnix},
		{"cgroup/getpeername4", ebpf.AttachCgroupInet4GetPeername, "5.8", connected("127.0.0.1")},
		{"cgroup/getpeername6", ebpf.AttachCgroupInet6GetPeername, "5.8", connected("::1")},
		{"cgroup/getpeername_unix", ebpf.AttachCgroupUnixGetpeername, "6.7", sendUnix},
		{"cgroup/getsockname4", ebpf.AttachCgroupInet4GetSockname, "5.8", connected("127.0.0.1")},
		{"cgroup/getsockname6", ebpf.AttachCgroupInet6GetSockname, "5.8", connected("::1")},
		{"cgroup/getsockname_unix", ebpf.AttachCgroupUnixGetsockname, "6.7", sendUnix},
	} {
		rows = append(rows, hookTest{
			name: c.name, since: c.since, links: "5.7", updates: true, configs: []string{"CONFIG_CGROUP_BPF"},
			hook: func(tb testing.TB) hook { return bpfx.Cgroup{Path: testutil.JoinCgroup(tb), AttachType: c.typ} },
			fire: c.fire, ret: 1,
		})
	}
	return rows
}

// udp opens a datagram socket that is bound to a port of host.
func udp(tb testing.TB, host string) net.PacketConn {
	tb.Helper()
	c, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// unconnected returns a function that sends and receives with sockets of host
// that are not connected.
func unconnected(host string) func(testing.TB) {
	return func(tb testing.TB) {
		tb.Helper()
		in, out := udp(tb, host), udp(tb, host)
		defer in.Close()
		defer out.Close()
		if _, err := out.WriteTo([]byte("hello"), in.LocalAddr()); err != nil {
			tb.Fatal(err)
		}
		if _, _, err := in.ReadFrom(make([]byte, 16)); err != nil {
			tb.Fatal(err)
		}
	}
}

// connected returns a function that connects a socket to another of host, and
// asks for both addresses.
func connected(host string) func(testing.TB) {
	return func(tb testing.TB) {
		tb.Helper()
		in := udp(tb, host)
		defer in.Close()
		fd := connectedSocket(tb, in.LocalAddr().(*net.UDPAddr).AddrPort())
		defer unix.Close(fd)
		if _, err := unix.Getpeername(fd); err != nil {
			tb.Fatal("getpeername:", err)
		}
		if _, err := unix.Getsockname(fd); err != nil {
			tb.Fatal("getsockname:", err)
		}
	}
}

func connectedSocket(tb testing.TB, to netip.AddrPort) int {
	tb.Helper()
	family, addr := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()})
	if to.Addr().Unmap().Is4() {
		family, addr = unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	if err := unix.Connect(fd, addr); err != nil {
		unix.Close(fd)
		tb.Fatal("connect:", err)
	}
	return fd
}

// sendUnix connects Unix sockets, sends, receives and asks for addresses.
func sendUnix(tb testing.TB) {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "socket")
	in, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		tb.Fatal(err)
	}
	defer in.Close()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrUnix{Name: name}
	if err := unix.Sendto(fd, []byte("hello"), 0, to); err != nil {
		tb.Fatal("sendto:", err)
	}
	if _, _, err := in.ReadFrom(make([]byte, 16)); err != nil {
		tb.Fatal(err)
	}
	if err := unix.Connect(fd, to); err != nil {
		tb.Fatal("connect:", err)
	}
	if _, err := unix.Getpeername(fd); err != nil {
		tb.Fatal("getpeername:", err)
	}
	if _, err := unix.Getsockname(fd); err != nil {
		tb.Fatal("getsockname:", err)
	}
}

// connectTCP connects two sockets, sets an option and asks for it.
func connectTCP(tb testing.TB) {
	tb.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		tb.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		if err := unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 0); err != nil {
			tb.Error(err)
		}
		if _, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY); err != nil {
			tb.Error(err)
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func openNull(tb testing.TB) {
	tb.Helper()
	f, err := os.Open(os.DevNull)
	if err != nil {
		tb.Fatal(err)
	}
	f.Close()
}

func readSysctl(tb testing.TB) {
	tb.Helper()
	if _, err := os.ReadFile("/proc/sys/kernel/ostype"); err != nil {
		tb.Fatal(err)
	}
}

// TestCgroupSees sends from inside a cgroup and from outside: only the former
// is seen.
func TestCgroupSees(t *testing.T) {
	testutil.Netns(t)
	dir := testutil.Cgroup(t)
	runs := newCounter(t)
	h := bpfx.Cgroup{Path: dir, AttachType: ebpf.AttachCGroupInet4Connect}
	p := loadFor(t, hookTest{name: "cgroup", since: "4.17", ret: 1, configs: []string{"CONFIG_CGROUP_BPF"}}, h, runs)
	if _, err := p.Attach(h); err != nil {
		t.Fatal(err)
	}
	connected("127.0.0.1")(t)
	if n := runs.count(); n != 0 {
		t.Errorf("ran %d times outside its cgroup", n)
	}
	testutil.EnterCgroup(t, dir)
	connected("127.0.0.1")(t)
	if n := runs.count(); n != 1 {
		t.Errorf("ran %d times inside its cgroup, want once", n)
	}
}

func TestCgroupBadInput(t *testing.T) {
	testutil.NeedRoot(t)
	p := mustLoad(t, bpfx.Cgroup{}.Spec(ret(1)))
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		hook bpfx.Cgroup
		want string
		is   error
	}{
		{"no path", bpfx.Cgroup{}, "no cgroup: set Path", nil},
		{"absent", bpfx.Cgroup{Path: "/sys/fs/cgroup/nonesuch"}, "nonesuch", os.ErrNotExist},
		{"not a cgroup", bpfx.Cgroup{Path: t.TempDir()}, "not in a cgroup2 hierarchy", unix.EBADF},
		{"not a directory", bpfx.Cgroup{Path: filepath.Join(testutil.Cgroup(t), "cgroup.procs")}, "cgroup.procs", unix.ENOTDIR},
		{"pipe", bpfx.Cgroup{Path: pipe}, pipe, unix.ENOTDIR},
		{"attach type", bpfx.Cgroup{AttachType: ebpf.AttachXDP}, "XDP is not an attach type of cgroups", nil},
		{"program type", bpfx.Cgroup{Path: "/", AttachType: ebpf.AttachCGroupDevice}, "is of type CGroupSKB, the hook takes CGroupDevice", nil},
	} {
		a, err := p.Attach(tt.hook)
		if a != nil || err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: Attach(%v) = %v, %v; want %q, %v", tt.name, tt.hook, a, err, tt.want, tt.is)
		}
	}
	if p.Attached() {
		t.Error("attached after all that")
	}
}

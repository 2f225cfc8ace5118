package structops_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/examples/tcpcc/aimd"
	"github.com/bpfx/go/internal/testutil"
)

// connect returns both ends of a TCP connection over loopback, in the network
// namespace of the calling goroutine.
func connect(tb testing.TB) (client, server *net.TCPConn) {
	tb.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close(); s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// move sends n bytes from one end to the other.
func move(tb testing.TB, from io.Writer, to io.Reader, n int) {
	tb.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		if got, err := io.CopyN(io.Discard, to, int64(n)); err != nil {
			tb.Errorf("received %d bytes of %d: %v", got, n, err)
		}
	})
	buf := make([]byte, 64<<10)
	for sent := 0; sent < n; {
		m, err := from.Write(buf[:min(len(buf), n-sent)])
		if err != nil {
			tb.Errorf("sent %d bytes of %d: %v", sent, n, err)
			break
		}
		sent += m
	}
	wg.Wait()
}

// mustAIMD loads the congestion control that is written in Go, or in C.
func mustAIMD(tb testing.TB, name string, fromC bool) *structops.Ops {
	tb.Helper()
	write := aimd.Spec
	if fromC {
		write = aimd.FromC
	}
	s, err := write(name)
	if err != nil {
		tb.Fatal(err)
	}
	return mustOps(tb, s)
}

// mustOps loads a spec for the time of the test.
func mustOps(tb testing.TB, s *structops.Spec) *structops.Ops {
	tb.Helper()
	testutil.NeedRoot(tb)
	o, err := structops.Load(s)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := o.Close(); err != nil {
			tb.Error(err)
		}
	})
	return o
}

// called returns how often a callback was called.
func called(tb testing.TB, o *structops.Ops, callback uint32) uint64 {
	tb.Helper()
	var n uint64
	if err := o.Maps[aimd.Calls].Lookup(callback, &n); err != nil {
		tb.Fatal(err)
	}
	return n
}

func wantCC(tb testing.TB, conn syscall.Conn, want string) {
	tb.Helper()
	if got, err := structops.TCPCC(conn); err != nil || got != want {
		tb.Errorf("TCPCC() = %q, %v; want %q", got, err, want)
	}
}

func users(tb testing.TB, o *structops.Ops) int {
	tb.Helper()
	n, err := o.Users()
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func needNoError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// TestTraffic moves data with a congestion control in Go, in C and without a
// link, counts its callbacks, and closes it while the connection uses it.
func TestTraffic(t *testing.T) {
	for _, tt := range []struct {
		name   string
		spec   func(string) (*structops.Spec, error)
		noLink bool
	}{{"go", aimd.Spec, false}, {"c", aimd.FromC, false}, {"no_link", aimd.Spec, true}} {
		t.Run(tt.name, func(t *testing.T) {
			testutil.Netns(t)
			s, err := tt.spec("bpfx_traffic")
			needNoError(t, err)
			s.NoLink = tt.noLink
			o := mustOps(t, s)
			needNoError(t, o.Register())
			client, server := connect(t)
			if n := users(t, o); n != 0 {
				t.Errorf("Users() before = %d, want 0", n)
			}
			needNoError(t, structops.UseTCPCC(client, o.Name()))
			wantCC(t, client, o.Name())
			if n := users(t, o); n != 1 {
				t.Errorf("Users() = %d, want 1", n)
			}
			move(t, client, server, 4<<20)
			if n := called(t, o, aimd.CongAvoid); n == 0 {
				t.Error("cong_avoid was never called")
			}
			if n := called(t, o, aimd.Init); n != 1 {
				t.Errorf("init was called %d times, want once", n)
			}
			var stats structops.TCPStats
			testutil.Eventually(t, "most of what was received is acknowledged", func() bool {
				stats, err = structops.TCPInfo(client)
				needNoError(t, err)
				return stats.Acked >= 3<<20
			})
			if stats.Cwnd == 0 || stats.RTT <= 0 || stats.MSS == 0 {
				t.Errorf("TCPInfo() = %+v after 4 MB", stats)
			}

			if !o.Registered() {
				t.Error("it isn't registered")
			}
			leave(t, o, client, server)
		})
	}
}

// leave unregisters operations that a connection uses: it goes on until it is
// told otherwise.
func leave(t *testing.T, o *structops.Ops, client, server *net.TCPConn) {
	t.Helper()
	needNoError(t, o.Unregister())
	wantCC(t, client, o.Name())
	move(t, client, server, 1<<20)
	if n := users(t, o); n != 1 {
		t.Errorf("Users() after Unregister = %d, want 1", n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := o.WaitUnused(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("WaitUnused() with a user = %v, want that it waits", err)
	}
	needNoError(t, structops.UseTCPCC(client, "reno"))
	ctx, cancel = context.WithTimeout(context.Background(), testutil.Patience)
	defer cancel()
	needNoError(t, o.WaitUnused(ctx))
	if n := called(t, o, aimd.Release); n != 1 {
		t.Errorf("release was called %d times, want once", n)
	}
	move(t, client, server, 1<<20)
}

// TestCloseInUse closes operations that a socket uses.
func TestCloseInUse(t *testing.T) {
	testutil.Netns(t)
	o := mustAIMD(t, "bpfx_inuse", false)
	needNoError(t, o.Register())
	client, server := connect(t)
	needNoError(t, structops.UseTCPCC(client, o.Name()))
	needNoError(t, o.Close())
	wantCC(t, client, "bpfx_inuse")
	move(t, client, server, 1<<20)
	err := structops.UseTCPCC(server, "bpfx_inuse")
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.EBUSY) {
		t.Errorf("UseTCPCC() of what is closed = %v, want ENOENT or EBUSY", err)
	}
}

// TestReplace swaps operations while a connection runs.
func TestReplace(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "6.4", "links of struct_ops")
	testutil.Netns(t)
	old, new := mustAIMD(t, "bpfx_replace", false), mustAIMD(t, "bpfx_replace", true)
	needNoError(t, old.Register())
	client, server := connect(t)
	needNoError(t, structops.UseTCPCC(client, "bpfx_replace"))
	move(t, client, server, 1<<20)

	needNoError(t, old.Replace(new))
	if old.Registered() || !new.Registered() {
		t.Errorf("after Replace: old registered %v, new %v", old.Registered(), new.Registered())
	}
	// The connection keeps the old, a new one gets the new.
	before := called(t, old, aimd.CongAvoid)
	move(t, client, server, 1<<20)
	if called(t, old, aimd.CongAvoid) == before || called(t, new, aimd.CongAvoid) != 0 {
		t.Error("the connection doesn't use the old operations any more")
	}
	client2, server2 := connect(t)
	needNoError(t, structops.UseTCPCC(client2, "bpfx_replace"))
	move(t, client2, server2, 1<<20)
	if called(t, new, aimd.CongAvoid) == 0 {
		t.Error("a new connection doesn't use the new operations")
	}
	if o, n := users(t, old), users(t, new); o != 1 || n != 1 {
		t.Errorf("users of the old %d, of the new %d; want 1 of each", o, n)
	}
	// Told again, the connection changes over.
	needNoError(t, structops.UseTCPCC(client, "bpfx_replace"))
	ctx, cancel := context.WithTimeout(context.Background(), testutil.Patience)
	defer cancel()
	needNoError(t, old.WaitUnused(ctx))
	before = called(t, old, aimd.CongAvoid)
	move(t, client, server, 1<<20)
	if called(t, old, aimd.CongAvoid) != before || users(t, new) != 2 {
		t.Error("the connection still uses the old operations after UseTCPCC")
	}
	// And back again; then closing the old ends the registration.
	needNoError(t, new.Replace(old))
	needNoError(t, new.Close())
	if !old.Registered() {
		t.Error("closing what was replaced unregisters the replacement")
	}
	needNoError(t, old.Close())
	if err := structops.UseTCPCC(server2, "bpfx_replace"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("UseTCPCC() at the end = %v, want os.ErrNotExist", err)
	}
}

func TestUseTCPCCErrors(t *testing.T) {
	testutil.Netns(t)
	client, _ := connect(t)
	err := structops.UseTCPCC(client, "bpfx_nobody")
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "reno") {
		t.Errorf("UseTCPCC() of none = %v, want os.ErrNotExist and the list", err)
	}
	for _, name := range []string{"", "a_name_that_is_too_long", "a\x00b"} {
		if err := structops.UseTCPCC(client, name); err == nil {
			t.Errorf("UseTCPCC(%q) works", name)
		}
	}
	if err := structops.UseTCPCC(nil, "reno"); err == nil {
		t.Error("UseTCPCC of nil works")
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	needNoError(t, err)
	defer udp.Close()
	if err := structops.UseTCPCC(udp.(*net.UDPConn), "reno"); err == nil || !strings.Contains(err.Error(), "TCP socket") {
		t.Errorf("UseTCPCC of a UDP socket = %v", err)
	}
	if _, err := structops.TCPInfo(udp.(*net.UDPConn)); err == nil {
		t.Error("TCPInfo of a UDP socket works")
	}
	client.Close()
	if err := structops.UseTCPCC(client, "reno"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("UseTCPCC after Close = %v, want net.ErrClosed", err)
	}
}

// TestAllowedTCPCC wants those that all may use among those that are there.
func TestAllowedTCPCC(t *testing.T) {
	allowed, err := structops.AllowedTCPCC()
	needNoError(t, err)
	available, err := structops.AvailableTCPCC()
	needNoError(t, err)
	if !slices.Contains(allowed, "reno") {
		t.Errorf("AllowedTCPCC() = %v, without reno, which all may use", allowed)
	}
	for _, name := range allowed {
		if !slices.Contains(available, name) {
			t.Errorf("AllowedTCPCC() has %s, AvailableTCPCC() = %v has not", name, available)
		}
	}
}

const nobodyEnv = "BPFX_TEST_NOBODY"

// TestUseTCPCCPermission asks for a congestion control as a user who may not
// have it, in a process of its own.
func TestUseTCPCCPermission(t *testing.T) {
	if name := os.Getenv(nobodyEnv); name != "" {
		client, _ := connect(t)
		err := structops.UseTCPCC(client, name)
		if strings.HasSuffix(name, "_free") {
			if err != nil {
				t.Error(err)
			}
			return
		}
		if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "TCP_CONG_NON_RESTRICTED") {
			t.Errorf("UseTCPCC() as nobody = %v, want os.ErrPermission that says why", err)
		}
		return
	}
	testutil.NeedRoot(t)
	for name, flags := range map[string]uint32{"bpfx_only_root": 0, "bpfx_free": 1} {
		s, err := aimd.Spec(name)
		needNoError(t, err)
		s.Data = map[string]any{"flags": flags}
		needNoError(t, structops.WithRegistered(s, func(*structops.Ops) error {
			cmd := exec.Command("/proc/self/exe", "-test.run=^TestUseTCPCCPermission$", "-test.v")
			cmd.Env = append(os.Environ(), nobodyEnv+"="+name)
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestUseTCPCCPermission") {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
			return nil
		}))
	}
}

// TestMapReplacements has two congestion controls share a map.
func TestMapReplacements(t *testing.T) {
	testutil.Netns(t)
	first := mustAIMD(t, "bpfx_first", false)
	s, err := aimd.FromC("bpfx_second")
	needNoError(t, err)
	s.MapReplacements = first.Maps
	needNoError(t, structops.WithRegistered(s, func(second *structops.Ops) error {
		client, server := connect(t)
		needNoError(t, structops.UseTCPCC(client, second.Name()))
		move(t, client, server, 1<<20)
		// The last acknowledgements may come while it is looked at.
		least := called(t, first, aimd.CongAvoid)
		n := called(t, second, aimd.CongAvoid)
		if most := called(t, first, aimd.CongAvoid); least == 0 || n < least || n > most {
			t.Errorf("the first counts %d calls, then the second %d, then the first %d", least, n, most)
		}
		return nil
	}))
	if called(t, first, aimd.Init) != 1 {
		t.Error("the map isn't the first one's any more")
	}
}

package bpfx_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

var kprobes = []string{"CONFIG_KPROBES", "CONFIG_KPROBE_EVENTS"}

// hookTests has a row for every hook of the package.
var hookTests = []hookTest{
	{
		name: "xdp", since: "5.9", links: "5.9", updates: true,
		hook: func(testing.TB) hook { return bpfx.XDP{Interface: "lo"} },
		fire: sendUDP, ret: 2,
	},
	{
		name: "xdp generic by index", since: "5.9", links: "5.9", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.XDP{Index: loopback(tb), Mode: bpfx.XDPGeneric} },
		fire: sendUDP, ret: 2,
	},
	{
		name: "tracepoint", since: "4.7", links: "5.15",
		hook: func(testing.TB) hook { return bpfx.Tracepoint{Group: "sched", Name: "sched_process_fork"} },
		fire: fork,
	},
	{
		name: "raw_tracepoint", since: "4.17", links: "5.7",
		hook: func(testing.TB) hook { return bpfx.RawTracepoint{Name: "sched_process_fork"} },
		fire: fork,
	},
	{
		name: "sk_lookup", since: "5.9", links: "5.9", updates: true,
		hook: func(testing.TB) hook { return bpfx.SkLookup{} },
		fire: sendUDP, ret: 1,
	},
	{
		name: "sk_lookup by path", since: "5.9", links: "5.9", updates: true,
		hook: func(testing.TB) hook { return bpfx.SkLookup{Netns: bpfx.Netns{Path: "/proc/thread-self/ns/net"}} },
		fire: sendUDP, ret: 1,
	},
	{
		name: "sk_lookup by fd", since: "5.9", links: "5.9", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.SkLookup{Netns: bpfx.Netns{FD: netnsFD(tb)}} },
		fire: sendUDP, ret: 1,
	},
	{
		name: "flow_dissector", since: "5.7", links: "5.7", updates: true,
		hook: func(testing.TB) hook { return bpfx.FlowDissector{} },
	},
	{
		name: "sk_msg", since: "4.17", links: "6.10", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.SkMsg{Map: sockmap(tb)} },
		fire: sendTCP, ret: 1,
	},
	{
		name: "sk_skb stream_verdict", since: "4.14", links: "6.10", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.SkSkb{Map: sockmap(tb)} },
		fire: sendTCP, ret: 1,
	},
	{
		name: "sk_skb stream_parser", since: "4.14", links: "6.10", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.SkSkb{Map: sockmap(tb), Kind: bpfx.SkSkbStreamParser} },
	},
	{
		name: "sk_skb verdict", since: "5.13", links: "6.10", updates: true,
		hook: func(tb testing.TB) hook { return bpfx.SkSkb{Map: sockmap(tb), Kind: bpfx.SkSkbVerdict} },
		fire: sendTCP, ret: 1,
	},
	{
		name: "kprobe", since: "4.1", links: "5.15", configs: kprobes,
		hook: func(testing.TB) hook { return bpfx.Kprobe{Symbol: "inet_dgram_connect"} },
		fire: sendUDP,
	},
	{
		name: "kprobe of a system call", since: "4.1", links: "5.15", configs: kprobes,
		hook: func(testing.TB) hook { return bpfx.Kprobe{Symbol: "sys_getpgid"} },
		fire: getpgid,
	},
	{
		name: "kretprobe", since: "4.1", links: "5.15", configs: kprobes,
		hook: func(testing.TB) hook { return bpfx.Kretprobe{Symbol: "inet_dgram_connect"} },
		fire: sendUDP,
	},
	{
		name: "kretprobe through tracefs", since: "4.1", links: "5.15", configs: kprobes,
		hook: func(testing.TB) hook { return bpfx.Kretprobe{Symbol: "inet_dgram_connect", MaxActive: 8} },
		fire: sendUDP,
	},
	{
		name: "uprobe", since: "4.17", links: "5.15",
		hook: func(tb testing.TB) hook { return probe(tb) },
		fire: callProbe,
	},
	{
		name: "uprobe of a process", since: "4.17", links: "5.15",
		hook: func(tb testing.TB) hook {
			h := probe(tb)
			h.PID = os.Getpid()
			return h
		},
		fire: callProbe,
	},
	{
		name: "uretprobe", since: "4.17", links: "5.15",
		hook: func(tb testing.TB) hook { return bpfx.Uretprobe(probe(tb)) },
		fire: callProbe,
	},
	{
		name: "fentry", since: "5.5", links: "5.7", once: "5.13",
		hook: func(testing.TB) hook { return bpfx.Fentry{Func: "inet_dgram_connect"} },
		fire: sendUDP,
	},
	{
		name: "fexit", since: "5.5", links: "5.7", once: "5.13",
		hook: func(testing.TB) hook { return bpfx.Fexit{Func: "inet_dgram_connect"} },
		fire: sendUDP,
	},
}

func TestHooks(t *testing.T) {
	for _, tt := range hookTests {
		t.Run(tt.name, func(t *testing.T) { testHook(t, tt) })
	}
}

// sendUDP sends a datagram over loopback and receives it.
func sendUDP(tb testing.TB) {
	tb.Helper()
	in, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer in.Close()
	out, err := net.Dial("udp4", in.LocalAddr().String())
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	if _, err := out.Write([]byte("hello")); err != nil {
		tb.Fatal(err)
	}
	if _, _, err := in.ReadFrom(make([]byte, 16)); err != nil {
		tb.Fatal(err)
	}
}

// theSockmap is the one that sockmap made last.
var theSockmap *ebpf.Map

// sockmap returns a new sockmap with room for one socket.
func sockmap(tb testing.TB) *ebpf.Map {
	tb.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close() })
	theSockmap = m
	return m
}

// sendTCP puts a new socket in theSockmap, sends through it, and has it
// receive.
func sendTCP(tb testing.TB) {
	tb.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	defer a.Close()
	b, err := l.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	defer b.Close()
	f, err := a.(*net.TCPConn).File()
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	if err := theSockmap.Put(uint32(0), uint32(f.Fd())); err != nil {
		tb.Fatal(err)
	}
	for _, c := range [][2]net.Conn{{a, b}, {b, a}} {
		want := []byte("hello")
		if _, err := c[0].Write(want); err != nil {
			tb.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c[1], got); err != nil || !bytes.Equal(got, want) {
			tb.Fatalf("received %q, %v", got, err)
		}
	}
}

// fork makes a process, which ends when it finds nothing to execute.
func fork(tb testing.TB) {
	tb.Helper()
	_, err := os.StartProcess("/nonexistent", []string{"nonexistent"}, &os.ProcAttr{})
	if !errors.Is(err, os.ErrNotExist) {
		tb.Fatal(err)
	}
}

func getpgid(tb testing.TB) {
	if _, err := unix.Getpgid(0); err != nil {
		tb.Fatal(err)
	}
}

func callProbe(testing.TB) { testutil.ProbeTarget() }

// probe returns a probe on testutil.ProbeTarget. go test runs a binary without
// symbols; in those that go test -c makes it is found by name.
func probe(tb testing.TB) bpfx.Uprobe {
	tb.Helper()
	h := bpfx.Uprobe{Path: executable(tb), Symbol: testutil.ProbeSymbol}
	f, err := elf.Open(h.Path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Symbols(); errors.Is(err, elf.ErrNoSymbols) {
		h.Symbol, h.Address = "", testutil.ProbeOffset(tb)
	}
	return h
}

func executable(tb testing.TB) string {
	tb.Helper()
	path, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func loopback(tb testing.TB) int {
	tb.Helper()
	i, err := net.InterfaceByName("lo")
	if err != nil {
		tb.Fatal(err)
	}
	return i.Index
}

func netnsFD(tb testing.TB) int {
	tb.Helper()
	f, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return int(f.Fd())
}

package bpfx_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

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

// multiProbe is probe for a hook of many functions.
func multiProbe(tb testing.TB) bpfx.UprobeMulti {
	tb.Helper()
	h := probe(tb)
	if h.Symbol != "" {
		return bpfx.UprobeMulti{Path: h.Path, Symbols: []string{h.Symbol}, Cookies: []uint64{7}}
	}
	return bpfx.UprobeMulti{Path: h.Path, Addresses: []uint64{h.Address}, Cookies: []uint64{7}}
}

// netkit returns a hook on a new pair of netkit devices.
func netkit(tb testing.TB) bpfx.Netkit {
	tb.Helper()
	testutil.Netkit(tb)
	return bpfx.Netkit{Interface: testutil.NetkitPrimary}
}

// sendFrom returns a function that sends a packet from a network device.
func sendFrom(device string) func(testing.TB) {
	return func(tb testing.TB) {
		tb.Helper()
		i, err := net.InterfaceByName(device)
		if err != nil {
			tb.Fatal(err)
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			tb.Fatal(err)
		}
		defer unix.Close(fd)
		to := &unix.SockaddrLinklayer{Protocol: 0x88b5, Ifindex: i.Index, Halen: 6}
		if err := unix.Sendto(fd, make([]byte, 64), 0, to); err != nil {
			tb.Fatal("send from", device, err)
		}
	}
}

// burn keeps CPU 0 busy.
func burn(tb testing.TB) {
	tb.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, first unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		tb.Fatal(err)
	}
	first.Set(0)
	if err := unix.SchedSetaffinity(0, &first); err != nil {
		tb.Fatal(err)
	}
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	if err := unix.SchedSetaffinity(0, &old); err != nil {
		tb.Fatal(err)
	}
}

// faultPage touches memory that it never touched before.
func faultPage(tb testing.TB) {
	tb.Helper()
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		tb.Fatal(err)
	}
	page[0] = 1
	if err := unix.Munmap(page); err != nil {
		tb.Fatal(err)
	}
}

// oneCPU returns version if the machine has one CPU, and "never" otherwise: an
// attachment of several events has no link of its own.
func oneCPU(version string) string {
	if n, err := os.ReadFile("/sys/devices/system/cpu/online"); err == nil && string(bytes.TrimSpace(n)) == "0" {
		return version
	}
	return "never"
}

// freplace is a hook whose programs say what arguments they have.
type freplace struct{ bpfx.Freplace }

func (h freplace) Spec(insns asm.Instructions) *ebpf.ProgramSpec {
	insns[0] = btf.WithFuncMetadata(insns[0].WithSymbol("replacement"), xdpFunc("replacement"))
	return h.Freplace.Spec(insns)
}

// theReplaceable is the program that replaceable made last.
var theReplaceable *bpfx.Program

// replaceable returns a hook in a new program.
func replaceable(tb testing.TB) freplace {
	tb.Helper()
	entry := asm.Instructions{
		btf.WithFuncMetadata(asm.Call.Label("replaceable").WithSymbol("entry"), xdpFunc("entry")),
		asm.Return(),
		btf.WithFuncMetadata(asm.Mov.Imm(asm.R0, 2).WithSymbol("replaceable"), xdpFunc("replaceable")),
		asm.Return(),
	}
	theReplaceable = mustLoad(tb, bpfx.XDP{}.Spec(entry))
	return freplace{bpfx.Freplace{Target: theReplaceable.Program, Func: "replaceable"}}
}

func runReplaceable(tb testing.TB) {
	tb.Helper()
	res, err := theReplaceable.Run(bpfx.RunInput{Data: make([]byte, 64)})
	if err != nil || res.Verdict != "XDP_PASS" {
		tb.Fatal(res, err)
	}
}

// xdpFunc is the type of a global function of an XDP program.
func xdpFunc(name string) *btf.Func {
	return &btf.Func{Name: name, Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
		Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed},
		Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: &btf.Struct{Name: "xdp_md"}}}},
	}}
}

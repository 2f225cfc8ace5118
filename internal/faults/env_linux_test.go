//go:build amd64 || arm64

package faults

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/netns"
	"github.com/bpfx/go/internal/testutil"
)

// env is what operations use besides what they test. It is made before any
// call is failed.
type env struct {
	place
	runs    *ebpf.Map    // its one slot counts the runs of programs
	memory  *ebpf.Memory // the same, read without a system call
	in, out int          // two sockets, the second of which sends to the first
	to      unix.Sockaddr
	netkit  error // why there are no netkit devices
	keeps   bool  // an operation has pinned something, and the pin is there still
}

func newEnv(p place) (*env, error) {
	e := &env{place: p}
	// The process has a network namespace of its own, and is in the cgroup.
	if err := netns.LoopbackUp(); err != nil {
		return nil, err
	}
	e.netkit = netns.NewNetkit(testutil.NetkitPrimary, testutil.NetkitPeer)
	if e.Cgroup != "" {
		if err := os.WriteFile(e.Cgroup+"/cgroup.procs", []byte("0"), 0); err != nil {
			return nil, err
		}
	}
	findOutFlags()
	if err := e.openCounter(); err != nil {
		return nil, fmt.Errorf("make a map: %w", err)
	}
	return e, e.openSockets()
}

// findOutFlags has the kernel refuse maps. cilium/ebpf then finds out which flags
// of maps there are, and keeps the answer, also if it was a fault that kept it
// from finding out.
func findOutFlags() {
	for _, flag := range []uint32{unix.BPF_F_RDONLY_PROG, unix.BPF_F_MMAPABLE} {
		const bad = 3 // array keys have 4 bytes
		m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: bad, ValueSize: 4, MaxEntries: 1, Flags: flag})
		if err == nil {
			m.Close()
		}
	}
}

func (e *env) openCounter() (err error) {
	e.runs, err = ebpf.NewMap(&ebpf.MapSpec{Name: "runs", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: unix.BPF_F_MMAPABLE})
	if err != nil {
		return err
	}
	e.memory, err = e.runs.Memory()
	return err
}

func (e *env) openSockets() (err error) {
	for _, fd := range []*int{&e.in, &e.out} {
		if *fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
	}
	if err := unix.Bind(e.in, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	if err := unix.SetsockoptTimeval(e.in, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		return err
	}
	e.to, err = unix.Getsockname(e.in)
	return err
}

// counting returns instructions that count a run and return ret.
func (e *env) counting(ret int32) asm.Instructions {
	return asm.Instructions{
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, e.runs.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, ret).WithSymbol("exit"),
		asm.Return(),
	}
}

// count returns how many runs were counted.
func (e *env) count() uint64 {
	var b [8]byte
	if _, err := e.memory.ReadAt(b[:], 0); err != nil {
		panic(err) // it is there
	}
	return binary.NativeEndian.Uint64(b[:])
}

// resting is how long operations rest where they have made something, which is
// where they are to be killed.
var resting time.Duration

func rest() { time.Sleep(resting) }

var errNoRun = errors.New("the program did not run")

// mustRun calls fire, and returns an error unless a program that counts ran.
func (e *env) mustRun(fire func(*env) error) error {
	rest()
	before := e.count()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		if err := fire(e); err != nil {
			return err
		}
		if e.count() > before {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return errNoRun
}

// mustStop calls fire, and returns an error unless programs that count soon
// stop to run.
func (e *env) mustStop(fire func(*env) error) error {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		before := e.count()
		if err := fire(e); err != nil {
			return err
		}
		if e.count() == before {
			return nil
		}
	}
	return fmt.Errorf("%w: the program still runs", errLie)
}

// sendUDP connects a socket and sends a datagram over loopback.
func sendUDP(e *env) error {
	if err := unix.Connect(e.out, e.to); err != nil {
		return err
	}
	if _, err := unix.Write(e.out, []byte("hello")); err != nil {
		return err
	}
	var buf [16]byte
	if _, err := unix.Read(e.in, buf[:]); err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	return nil
}

// sendNetkit sends a packet from a netkit device.
func sendNetkit(*env) error {
	i, err := net.InterfaceByName(testutil.NetkitPrimary)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrLinklayer{Protocol: 0x88b5, Ifindex: i.Index, Halen: 6}
	return unix.Sendto(fd, make([]byte, 64), 0, to)
}

// fork makes a process, which ends when it finds nothing to execute.
func fork(*env) error {
	_, err := os.StartProcess("/nonexistent", []string{"nonexistent"}, &os.ProcAttr{})
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// connect returns both ends of a TCP connection over loopback.
func connect() (client, server *net.TCPConn, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	s, err := l.Accept()
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c.(*net.TCPConn), s.(*net.TCPConn), nil
}

// returning returns instructions that return n.
func returning(n int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, n), asm.Return()}
}

// frame is an Ethernet frame whose EtherType means nothing (IEEE 802).
func frame() []byte {
	b := make([]byte, 64)
	binary.BigEndian.PutUint16(b[12:], 0x88b5)
	return b
}

// want returns an error unless got is want.
func want[T comparable](what string, got, want T) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%w: %s is %v, want %v", errLie, what, got, want)
}

// errLie is an operation that succeeded and shouldn't have, or whose result is
// wrong.
var errLie = errors.New("wrong result")

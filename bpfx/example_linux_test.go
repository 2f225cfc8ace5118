package bpfx_test

import (
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/examples/quickstart/firewall"
)

// An XDP program that drops everything, run over a packet.
func ExampleWithProgram() {
	drop := bpfx.XDP{}.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()})
	err := bpfx.WithProgram(drop, func(p *bpfx.Program) error {
		syn := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{Flags: testpkt.SYN})
		res, err := p.Run(bpfx.RunInput{Data: syn})
		if err != nil {
			return err
		}
		fmt.Printf("%s in %v, %d bytes\n", res.Verdict, res.Duration, len(res.Data))
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
}

// A program for a kernel function, attached to it while fn runs. The hook
// itself knows what spec a program for it has.
func ExampleWithAttached() {
	hook := bpfx.Fentry{Func: "tcp_connect"}
	spec := hook.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()})
	err := bpfx.WithAttached(spec, hook, func(p *bpfx.Program, a *bpfx.Attachment) error {
		fmt.Println("attached to", a)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
}

// Wrap takes over a program of the objects that bpf2go generates.
func ExampleWrap() {
	var objs firewall.FirewallObjects
	if err := firewall.LoadFirewallObjects(&objs, nil); err != nil {
		log.Fatal(err)
	}
	defer objs.Close() // closes the maps; closing the program again is harmless

	p := bpfx.Wrap(objs.Firewall)
	defer p.Close() // detaches, then closes the program
	if _, err := p.Attach(bpfx.XDP{Interface: "eth0"}); err != nil {
		log.Fatal(err)
	}
}

// One program of an object file, by name.
func ExampleLoadELF() {
	p, err := bpfx.LoadELF("firewall.o", "firewall")
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	if err := p.Maps["blocked_ports"].Put(uint16(22), uint8(1)); err != nil {
		log.Fatal(err)
	}
}

// What Attach returns says where, why, and which errno.
func ExampleAttachError() {
	err := error(&bpfx.AttachError{
		Hook: bpfx.XDP{Interface: "eth7"},
		Err:  fmt.Errorf("interface %q: %w", "eth7", unix.ENODEV),
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, unix.ENODEV))
	// Output:
	// attach to xdp "eth7": interface "eth7": no such device
	// true
}

// A hook of one's own: a program as a filter of a socket.
func ExampleHookFunc() {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer unix.Close(socket)
	filter := bpfx.HookFunc("socket filter", func(p *ebpf.Program) (*bpfx.Attachment, error) {
		if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, p.FD()); err != nil {
			return nil, os.NewSyscallError("setsockopt", err)
		}
		return bpfx.AttachmentFunc(func() error {
			return unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_DETACH_BPF, 0)
		}), nil
	})
	fmt.Println(filter)
	// Output: socket filter
}

// Several things that close together.
func ExampleScope() {
	var s bpfx.Scope
	err := s.Run(func() error {
		s.Defer(func() error { fmt.Println("opened first, closed last"); return nil })
		s.Defer(func() error { fmt.Println("opened last, closed first"); return nil })
		return nil
	})
	fmt.Println(err)
	// Output:
	// opened last, closed first
	// opened first, closed last
	// <nil>
}

// The names of what programs return.
func ExampleVerdict() {
	fmt.Println(bpfx.Verdict(ebpf.XDP, 1))
	fmt.Println(bpfx.Verdict(ebpf.SchedCLS, 0))
	// Output:
	// XDP_DROP
	// TC_ACT_OK
}

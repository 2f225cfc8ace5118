package structops_test

import (
	"fmt"
	"log"
	"net"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx/structops"
)

// A congestion control of four instructions: the window never grows. A
// connection uses it while others keep theirs.
func ExampleWithRegistered() {
	ten := &ebpf.ProgramSpec{License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 10), asm.Return()}}
	spec := &structops.Spec{
		Type:  "tcp_congestion_ops",
		Name:  "ten",
		Funcs: map[string]*ebpf.ProgramSpec{"ssthresh": ten, "undo_cwnd": ten, "cong_avoid": ten},
	}
	err := structops.WithRegistered(spec, func(*structops.Ops) error {
		conn, err := net.Dial("tcp", "192.0.2.1:80")
		if err != nil {
			return err
		}
		defer conn.Close()
		return structops.UseTCPCC(conn.(*net.TCPConn), "ten")
	})
	if err != nil {
		log.Fatal(err)
	}
}

// One congestion control takes the place of another while connections run.
func ExampleOps_Replace() {
	specs, err := structops.FromELF("cc_bpfel.o") // with variables old and new, of one name
	if err != nil {
		log.Fatal(err)
	}
	err = structops.WithRegistered(specs[0], func(old *structops.Ops) error {
		return structops.With(specs[1], func(new *structops.Ops) error {
			if err := old.Replace(new); err != nil {
				return err
			}
			users, err := old.Users()
			fmt.Println("connections that still use the old:", users)
			return err
		})
	})
	if err != nil {
		log.Fatal(err)
	}
}

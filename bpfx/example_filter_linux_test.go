package bpfx_test

import (
	"fmt"
	"log"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
)

// A program at a tracepoint of the whole system that only runs for this
// process, on the first two CPUs.
func ExampleFilter() {
	hook := bpfx.Tracepoint{Group: "syscalls", Name: "sys_enter_openat"}
	spec := hook.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()})

	pid, err := bpfx.InitialPID() // os.Getpid() differs in a container
	if err != nil {
		log.Fatal(err)
	}
	filter := bpfx.Filter{PID: pid, CPUs: []int{0, 1}}
	spec, err = filter.Apply(spec)
	if err != nil {
		log.Fatal(err)
	}
	err = bpfx.WithAttached(spec, hook, func(_ *bpfx.Program, a *bpfx.Attachment) error {
		fmt.Printf("%v, %v\n", a, filter)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
}

// XDP programs run for packets, not for a process.
func ExampleFilter_Apply() {
	_, err := bpfx.Filter{PID: 1}.Apply(&ebpf.ProgramSpec{
		Name: "firewall", Type: ebpf.XDP, Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()},
	})
	fmt.Println(err)
	// Output: filter program "firewall": XDP: it runs for a packet or a connection, not for a process, and none of what it may return is neutral
}

package tailcall_test

import (
	"fmt"
	"log"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/examples/tailcall/pipeline"
)

// jump returns an XDP program that calls a slot, and passes the packet if the
// slot is empty.
func jump(name string, slot int32) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Name: name, Type: ebpf.XDP, AttachType: ebpf.AttachXDP, License: "GPL", Instructions: asm.Instructions{
		asm.LoadMapPtr(asm.R2, 0).WithReference("stages"),
		asm.Mov.Imm(asm.R3, slot),
		asm.FnTailCall.Call(),
		asm.Mov.Imm(asm.R0, 2), // XDP_PASS
		asm.Return(),
	}}
}

// An entry that calls two stages. Slot 2 was forgotten.
func ExampleSpec_Check() {
	spec := &tailcall.Spec{
		Map: "stages", MaxEntries: 4,
		Entry: jump("entry", 0),
		Slots: []tailcall.Slot{{Index: 0, Program: jump("parse", 2)}},
	}
	fmt.Println(spec.Check())
	// Output: chain "stages": program "parse", instruction 3, array "stages", slot 2: tail call falls through: the slot is empty; fill it, or make it Optional
}

// The calls of an object file, before it is loaded.
func ExampleSpec_Graph() {
	object, err := pipeline.LoadPipeline() // or ebpf.LoadCollectionSpec
	if err != nil {
		log.Fatal(err)
	}
	spec, err := tailcall.FromCollectionSpec(object, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range spec.Graph().Edges[:3] {
		fmt.Printf("%s -> %s: %v\n", spec.Graph().Nodes[e.From].Name, spec.Graph().Nodes[e.To].Name, &e)
	}
	// Output:
	// entry -> parse: stages[0], instruction 40
	// parse -> pass: verdicts[0], instruction 52
	// parse -> drop: verdicts[1], instruction 52
}

// Load, attach and change a chain.
func ExampleWith() {
	spec := &tailcall.Spec{
		Map: "stages", Strict: true, // refuse warnings too
		Entry: jump("entry", 0),
		Slots: []tailcall.Slot{{Index: 0, Program: bpfx.XDP{}.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()})}},
	}
	err := tailcall.With(spec, func(c *tailcall.Chain) error {
		if _, err := c.Entry().Attach(bpfx.XDP{Interface: "eth0"}); err != nil {
			return err
		}
		fmt.Println(c.Graph())
		// Nothing falls through meanwhile.
		return c.Swap(map[uint32]*ebpf.ProgramSpec{0: bpfx.XDP{}.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()})})
	})
	if err != nil {
		log.Fatal(err)
	}
}

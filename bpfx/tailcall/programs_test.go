package tailcall_test

import (
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx/tailcall"
)

// call returns instructions that make a tail call with an index that the given
// instructions put into R3. The context is in R6.
func call(array string, index ...asm.Instruction) asm.Instructions {
	return append(slices.Clone(index),
		asm.LoadMapPtr(asm.R2, 0).WithReference(array),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.FnTailCall.Call(),
	)
}

// to puts a constant index into R3.
func to(slot int32) asm.Instruction { return asm.Mov.Imm(asm.R3, slot) }

// xdp returns an XDP program that does what body says and then returns ret,
// which tells that it fell through or was at the end of the chain. The context
// is in R6.
func xdp(name string, ret int32, body ...asm.Instructions) *ebpf.ProgramSpec {
	insns := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	for _, part := range body {
		insns = append(insns, part...)
	}
	insns = append(insns, asm.Mov.Imm(asm.R0, ret), asm.Return())
	return &ebpf.ProgramSpec{Name: name, Type: ebpf.XDP, License: "GPL", Instructions: insns}
}

// slots puts programs into slots 0, 1 and so on.
func slots(programs ...*ebpf.ProgramSpec) (list []tailcall.Slot) {
	for i, p := range programs {
		list = append(list, tailcall.Slot{Index: uint32(i), Program: p})
	}
	return list
}

// row returns a chain of n programs besides the entry, each of which calls the
// next. The last returns the number n.
func row(n int) *tailcall.Spec {
	s := &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0)))}
	for i := range n {
		name := "stage" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		body := call("jump", to(int32(i+1)))
		if i == n-1 {
			body = nil
		}
		s.Slots = append(s.Slots, tailcall.Slot{Index: uint32(i), Program: xdp(name, int32(i+1), body)})
	}
	return s
}

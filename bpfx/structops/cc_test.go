package structops

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// program returns a program of these instructions.
func program(insns ...asm.Instruction) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.StructOps, License: "GPL", Instructions: insns}
}

// returns is a program that returns a constant.
func returns(n int32) *ebpf.ProgramSpec { return program(asm.Mov.Imm(asm.R0, n), asm.Return()) }

// nothing is a program of a function that returns nothing.
func nothing() *ebpf.ProgramSpec { return program(asm.Mov.Imm(asm.R0, 0), asm.Return()) }

// minimal is a congestion control that has all that is required and no more:
// its window never grows.
func minimal(name string) *Spec {
	return &Spec{
		Type: "tcp_congestion_ops",
		Name: name,
		Funcs: map[string]*ebpf.ProgramSpec{
			"ssthresh":   returns(10),
			"undo_cwnd":  returns(10),
			"cong_avoid": nothing(),
		},
		Data: map[string]any{},
	}
}

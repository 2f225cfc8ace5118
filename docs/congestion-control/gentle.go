package main

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx/structops"
)

// gentle returns a congestion control that is Reno's but for one thing: after a
// loss it keeps four fifths of the window, not half.
func gentle() (*structops.Spec, error) {
	window, err := structops.Field("tcp_sock", "snd_cwnd")
	if err != nil {
		return nil, err
	}
	load, err := window.Load(asm.R0, asm.R6)
	if err != nil {
		return nil, err
	}
	grow, err1 := structops.Kfunc("tcp_reno_cong_avoid")
	undo, err2 := structops.Kfunc("tcp_reno_undo_cwnd")
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("functions of Reno: %w", err)
	}
	return &structops.Spec{
		Type: "tcp_congestion_ops",
		Name: "gentle",
		Funcs: map[string]*ebpf.ProgramSpec{
			// u32 ssthresh(struct sock *sk)
			"ssthresh": program(
				asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), // sk
				load, // snd_cwnd
				asm.Mul.Imm(asm.R0, 4),
				asm.Div.Imm(asm.R0, 5),
				asm.JGE.Imm(asm.R0, 2, "exit"), // two segments at least
				asm.Mov.Imm(asm.R0, 2),
			),
			// void cong_avoid(struct sock *sk, u32 ack, u32 acked)
			"cong_avoid": program(
				asm.LoadMem(asm.R3, asm.R1, 16, asm.DWord),
				asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord),
				asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
				grow,
				asm.Mov.Imm(asm.R0, 0),
			),
			// u32 undo_cwnd(struct sock *sk)
			"undo_cwnd": program(
				asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
				undo,
			),
		},
	}, nil
}

// program ends a program with an exit that it may jump to. Callers of the
// kernel's functions must have a licence that is compatible with the GPL.
func program(insns ...asm.Instruction) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{
		License:      "GPL",
		Instructions: append(insns, asm.Return().WithSymbol("exit")),
	}
}

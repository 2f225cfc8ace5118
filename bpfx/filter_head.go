package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// prepend returns insns, which it takes over, behind a check that returns ret
// if f doesn't let the program run.
//
// Jumps by distance go where they went, since the instructions move together.
func (f Filter) prepend(insns asm.Instructions, ret int32) asm.Instructions {
	head := f.head(ret, unusedSymbol(insns, "filter_pass"), unusedSymbol(insns, "filter_drop"))
	callsFollow(insns, int64(head.Size()/asm.InstructionSize))

	// The function starts at the check from now on: calls of its symbol and the
	// kernel, which wants BTF of a function for its first instruction, have to
	// find it there.
	first := &insns[0]
	if symbol := first.Symbol(); symbol != "" {
		head[0] = head[0].WithSymbol(symbol)
		*first = first.WithSymbol("")
		jumpsStay(insns, symbol)
	}
	if fn := btf.FuncMetadata(first); fn != nil {
		head[0] = btf.WithFuncMetadata(head[0], fn)
		*first = btf.WithFuncMetadata(*first, nil)
	}
	// A line that every disassembler and verifier log shows. The kernel wants
	// all functions to have one or none, for their first instructions
	// (kernel/bpf/verifier.c, check_btf_line).
	if first.Source() != nil {
		head[0] = head[0].WithSource(asm.Comment("filter: " + f.String()))
	}
	return append(head, insns...)
}

// head returns the check. It goes on behind its last instruction, labelled
// pass, with the context in R1 again. All else that it leaves is the number in
// R0 and the context in R6, a register that helpers keep; a slot on the stack
// would be taken from programs that use all of it.
func (f Filter) head(ret int32, pass, drop string) asm.Instructions {
	insns := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	add := func(more ...asm.Instruction) { insns = append(insns, more...) }

	if f.PID != 0 || f.TID != 0 {
		// Thread group id << 32 | thread id.
		add(asm.FnGetCurrentPidTgid.Call())
		jump, to := asm.JNE, drop
		if f.CPUs == nil {
			jump, to = asm.JEq, pass
		}
		switch {
		case f.TID == 0:
			add(asm.RSh.Imm(asm.R0, 32), jump.Imm(asm.R0, int32(f.PID), to))
		case f.PID == 0:
			add(jump.Imm32(asm.R0, int32(f.TID), to))
		default:
			add(asm.LoadImm(asm.R1, int64(f.PID)<<32|int64(f.TID), asm.DWord), jump.Reg(asm.R0, asm.R1, to))
		}
	}
	if f.CPUs != nil {
		add(asm.FnGetSmpProcessorId.Call())
		for _, r := range f.ranges() {
			if r.first == r.last {
				add(asm.JEq.Imm(asm.R0, int32(r.first), pass))
				continue
			}
			if r.first > 0 {
				// All ranges before this one lie below it.
				add(asm.JLT.Imm(asm.R0, int32(r.first), drop))
			}
			add(asm.JLE.Imm(asm.R0, int32(r.last), pass))
		}
	}
	add(
		asm.Mov.Imm(asm.R0, ret).WithSymbol(drop),
		asm.Return(),
		asm.Mov.Reg(asm.R1, asm.R6).WithSymbol(pass),
	)
	return insns
}

// jumpsStay has jumps to symbol, which the first instruction had, go to that
// instruction. Calls go on to refer to the function.
func jumpsStay(insns asm.Instructions, symbol string) {
	label := ""
	for i := range insns {
		ins := &insns[i]
		if ins.Reference() != symbol || !ins.OpCode.Class().IsJump() || ins.OpCode.JumpOp() == asm.Call {
			continue
		}
		if label == "" {
			label = unusedSymbol(insns, symbol+"_unfiltered")
			insns[0] = insns[0].WithSymbol(label)
		}
		*ins = ins.WithReference(label)
	}
}

// callsFollow has calls by distance of the first instruction, which raw
// bytecode may have, go n instructions before it.
func callsFollow(insns asm.Instructions, n int64) {
	for it := insns.Iterate(); it.Next(); {
		if !it.Ins.IsFunctionReference() || it.Ins.Reference() != "" {
			continue
		}
		if distance := int64(int32(it.Ins.Constant)); int64(it.Offset)+1+distance == 0 {
			it.Ins.Constant = distance - n
		}
	}
}

// unusedSymbol returns name, or name and a number if insns have that already.
func unusedSymbol(insns asm.Instructions, name string) string {
	used := make(map[string]bool)
	for _, ins := range insns {
		used[ins.Symbol()], used[ins.Reference()] = true, true
	}
	for n, base := 2, name; used[name]; n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	return name
}

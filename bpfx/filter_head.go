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
// pass, with the context in R1 again. Else it leaves numbers in R0 and R2 to R4
// and the context in R6, a register that helpers keep: a slot on the stack
// would be taken from programs that use all of it.
//
// Only one jump leads to pass, so the verifier goes on to the program only
// once, whatever it remembers of it by then.
func (f Filter) head(ret int32, pass, drop string) asm.Instructions {
	insns := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	if f.PID != 0 || f.TID != 0 {
		jump, to := asm.JEq, pass
		if f.CPUs != nil {
			jump, to = asm.JNE, drop
		}
		insns = append(insns, f.testTask(jump, to)...)
	}
	if f.CPUs != nil {
		insns = append(insns, f.testCPU(pass, drop)...)
	}
	return append(insns,
		asm.Mov.Imm(asm.R0, ret).WithSymbol(drop),
		asm.Return(),
		asm.Mov.Reg(asm.R1, asm.R6).WithSymbol(pass),
	)
}

// testTask jumps to a label if process and thread are equal or not to those of
// the filter.
func (f Filter) testTask(jump asm.JumpOp, to string) asm.Instructions {
	insns := asm.Instructions{asm.FnGetCurrentPidTgid.Call()} // thread group id << 32 | thread id
	switch {
	case f.TID == 0:
		return append(insns, asm.RSh.Imm(asm.R0, 32), jump.Imm(asm.R0, int32(f.PID), to))
	case f.PID == 0:
		return append(insns, jump.Imm32(asm.R0, int32(f.TID), to))
	}
	return append(insns, asm.LoadImm(asm.R1, int64(f.PID)<<32|int64(f.TID), asm.DWord), jump.Reg(asm.R0, asm.R1, to))
}

// testCPU jumps to pass if the CPU is one of the filter's, and otherwise goes
// on behind itself or to drop, which is the same place.
func (f Filter) testCPU(pass, drop string) asm.Instructions {
	insns := asm.Instructions{asm.FnGetSmpProcessorId.Call()}
	if ranges := f.ranges(); len(ranges) == 1 {
		if first := ranges[0].first; first > 0 {
			insns = append(insns, asm.JLT.Imm(asm.R0, int32(first), drop))
		}
		return append(insns, asm.JLE.Imm(asm.R0, int32(ranges[0].last), pass))
	}
	// A bitmap, of which 64 bits at a time are looked at, without jumps.
	insns = append(insns,
		asm.Mov.Imm(asm.R1, 0), // found
		asm.Mov.Reg(asm.R2, asm.R0),
		asm.RSh.Imm(asm.R2, 6),    // word of the bitmap
		asm.And.Imm(asm.R0, 64-1), // bit of the word
	)
	var words [maxCPUs / 64]uint64
	for _, cpu := range f.CPUs {
		words[cpu/64] |= 1 << (cpu % 64)
	}
	for i, word := range words {
		if word == 0 {
			continue
		}
		insns = append(insns,
			asm.Mov.Reg(asm.R3, asm.R2), // becomes 1 if it is this word: 0 - 1 has the sign bit set
			asm.Xor.Imm(asm.R3, int32(i)),
			asm.Sub.Imm(asm.R3, 1),
			asm.RSh.Imm(asm.R3, 63),
			asm.LoadImm(asm.R4, int64(word), asm.DWord),
			asm.RSh.Reg(asm.R4, asm.R0),
			asm.And.Reg(asm.R4, asm.R3),
			asm.Or.Reg(asm.R1, asm.R4),
		)
	}
	return append(insns, asm.JNE.Imm(asm.R1, 0, pass))
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

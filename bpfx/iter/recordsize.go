package iter

import "github.com/cilium/ebpf/asm"

// recordSize returns how many bytes a program writes for an object: it tells
// if it writes in one place only, at most once, and as many bytes whatever
// happens before. Otherwise 0.
func recordSize(insns asm.Instructions) int {
	f := newFlow(insns)
	size, writes := 0, 0
	for i := range insns {
		ins := &insns[i]
		switch {
		case f.back[i], // a loop may write again and again
			ins.IsFunctionCall(), ins.IsFunctionReference(), ins.IsKfuncCall(): // and so may a function
			return 0
		case !ins.IsBuiltinCall():
			continue
		}
		switch asm.BuiltinFunc(ins.Constant) {
		case asm.FnSeqPrintf, asm.FnSeqPrintfBtf, asm.FnTailCall:
			return 0
		case asm.FnSeqWrite:
			writes++
			size = f.constant(asm.R3, i)
		}
	}
	if writes != 1 {
		return 0
	}
	return size
}

// flow is where the jumps of a program go.
type flow struct {
	insns  asm.Instructions
	target []bool // something jumps to this instruction
	back   []bool // this instruction jumps to itself or an earlier one
}

func newFlow(insns asm.Instructions) *flow {
	f := &flow{insns, make([]bool, len(insns)), make([]bool, len(insns))}
	at := make(map[asm.RawInstructionOffset]int, len(insns)) // offset to index
	symbols := make(map[string]int)
	offsets := make([]asm.RawInstructionOffset, len(insns))
	var offset asm.RawInstructionOffset
	for i := range insns {
		at[offset], offsets[i] = i, offset
		offset += insns[i].Width()
		if s := insns[i].Symbol(); s != "" {
			symbols[s] = i
		}
	}
	for i := range insns {
		ins := &insns[i]
		op := ins.OpCode.JumpOp()
		if op == asm.InvalidJumpOp || op == asm.Call || op == asm.Exit {
			continue
		}
		distance := int64(ins.Offset)
		if ins.OpCode.Class() == asm.Jump32Class && op == asm.Ja {
			distance = ins.Constant // the long jump, gotol
		}
		to, ok := symbols[ins.Reference()]
		if ins.Reference() == "" {
			to, ok = at[asm.RawInstructionOffset(int64(offsets[i])+1+distance)]
		}
		if ok {
			f.target[to] = true
		}
		f.back[i] = !ok || to <= i
	}
	return f
}

// constant returns what a register holds when instruction i is reached, if that
// is a constant above 0 on all ways there, and 0 otherwise.
func (f *flow) constant(r asm.Register, i int) int {
	for ; i > 0 && !f.target[i]; i-- {
		ins := &f.insns[i-1]
		switch ins.OpCode.Class() {
		case asm.JumpClass, asm.Jump32Class:
			switch ins.OpCode.JumpOp() {
			case asm.Call, asm.Exit, asm.Ja, asm.InvalidJumpOp:
				return 0
			}
		case asm.ALUClass, asm.ALU64Class:
			if ins.Dst != r {
				continue
			}
			if ins.OpCode.ALUOp() == asm.Mov && ins.OpCode.Source() == asm.ImmSource && ins.Offset == 0 && ins.Constant > 0 {
				return int(ins.Constant)
			}
			return 0
		case asm.LdClass, asm.LdXClass:
			if ins.Dst == r {
				return 0
			}
		case asm.StXClass:
			if ins.Src == r && ins.OpCode.Mode() == asm.AtomicMode { // may fetch into it
				return 0
			}
		}
	}
	return 0
}

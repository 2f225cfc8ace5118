package bpfx_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
)

// constant returns a program that returns n.
func constant(n int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, n), asm.Return()}
}

// wire returns insns as the kernel takes them.
func wire(tb testing.TB, insns asm.Instructions) []byte {
	tb.Helper()
	var buf bytes.Buffer
	var order binary.ByteOrder = binary.LittleEndian
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		order = binary.BigEndian
	}
	if err := slices.Clone(insns).Marshal(&buf, order); err != nil {
		tb.Fatalf("%v:\n%v", err, insns)
	}
	return buf.Bytes()
}

// interpret runs the few instructions that the head of a filter is made of.
func interpret(tb testing.TB, insns asm.Instructions, pidTgid, cpu uint64) uint64 {
	tb.Helper()
	symbols, err := insns.SymbolOffsets()
	if err != nil {
		tb.Fatal(err)
	}
	var r [11]uint64
	r[1] = 0xc0ffee // the context
	for pc := 0; pc < len(insns); pc++ {
		ins := insns[pc]
		src := uint64(ins.Constant)
		if ins.OpCode.Source() == asm.RegSource && ins.OpCode.Class() != asm.LdClass {
			src = r[ins.Src]
		}
		dst := r[ins.Dst]
		jump := false
		switch {
		case ins.IsBuiltinCall():
			r[0] = pidTgid
			if asm.BuiltinFunc(ins.Constant) == asm.FnGetSmpProcessorId {
				r[0] = cpu
			}
			r[1], r[2], r[3], r[4], r[5] = 0xdead, 0xdead, 0xdead, 0xdead, 0xdead
			continue
		case ins.OpCode.JumpOp() == asm.Exit:
			if r[0] == 7 && r[1] != 0xc0ffee {
				tb.Fatalf("the context is lost:\n%v", insns)
			}
			return r[0]
		case ins.OpCode.IsDWordLoad():
			r[ins.Dst] = src
			continue
		case ins.OpCode.Class() == asm.ALU64Class:
			r[ins.Dst] = alu(tb, ins.OpCode.ALUOp(), dst, src)
			continue
		case ins.OpCode.Class() == asm.Jump32Class:
			dst, src = uint64(uint32(dst)), uint64(uint32(src))
		}
		switch ins.OpCode.JumpOp() {
		case asm.JEq:
			jump = dst == src
		case asm.JNE:
			jump = dst != src
		case asm.JLT:
			jump = dst < src
		case asm.JLE:
			jump = dst <= src
		default:
			tb.Fatalf("instruction %v is not known", ins)
		}
		if jump {
			pc = symbols[ins.Reference()] - 1
		}
	}
	tb.Fatal("fell off the end")
	return 0
}

func alu(tb testing.TB, op asm.ALUOp, dst, src uint64) uint64 {
	switch op {
	case asm.Mov:
		return src
	case asm.Sub:
		return dst - src
	case asm.And:
		return dst & src
	case asm.Or:
		return dst | src
	case asm.Xor:
		return dst ^ src
	case asm.RSh:
		return dst >> (src & 63)
	}
	tb.Fatalf("operation %v is not known", op)
	return 0
}

// randomFilter returns a filter that sets some of its fields.
func randomFilter(rng *rand.Rand) bpfx.Filter {
	var f bpfx.Filter
	for f.PID == 0 && f.TID == 0 && f.CPUs == nil {
		if rng.IntN(2) == 0 {
			f.PID = 1 + rng.IntN(1<<22)
		}
		if rng.IntN(2) == 0 {
			f.TID = 1 + rng.IntN(1<<22)
		}
		for range rng.IntN(6) {
			f.CPUs = append(f.CPUs, rng.IntN(10)+rng.IntN(2)*100)
		}
	}
	return f
}

// randomProgram returns a raw_tracepoint program of arithmetic on its first
// two arguments, the stack, jumps of all kinds and calls. The verifier accepts
// it.
func randomProgram(rng *rand.Rand) asm.Instructions {
	regs := []asm.Register{asm.R0, asm.R1, asm.R2, asm.R3, asm.R4, asm.R5, asm.R6, asm.R7, asm.R8, asm.R9}
	reg := func() asm.Register { return regs[rng.IntN(len(regs))] }
	imm := func() int32 { return int32(rng.Uint32()) }
	calls := rng.IntN(2) == 0
	stack := 512
	if calls {
		stack = 448 // the rest is for the function: 32 bytes at least, rounded up
	}

	var insns asm.Instructions
	add := func(more ...asm.Instruction) { insns = append(insns, more...) }
	for _, i := range rng.Perm(4) { // the first instruction varies
		switch i {
		case 0:
			add(asm.LoadMem(asm.R7, asm.R1, 0, asm.DWord))
		case 1:
			add(asm.LoadMem(asm.R8, asm.R1, 8, asm.DWord))
		case 2:
			add(asm.LoadImm(asm.R9, int64(rng.Uint64()), asm.DWord))
		case 3:
			add(asm.StoreImm(asm.RFP, int16(-stack), int64(imm()), asm.Word))
		}
	}
	for _, r := range []asm.Register{asm.R0, asm.R1, asm.R2, asm.R3, asm.R4, asm.R5, asm.R6} {
		add(asm.Mov.Imm(r, imm()))
	}
	insns[0] = insns[0].WithSymbol("main")

	ops := []asm.ALUOp{asm.Add, asm.Sub, asm.Mul, asm.Or, asm.And, asm.Xor, asm.Mov}
	jumps := []asm.JumpOp{asm.JEq, asm.JNE, asm.JGT, asm.JLT, asm.JSGT, asm.JSLE, asm.JSet}
	steps := 5 + rng.IntN(30)
	for n := range steps {
		step := len(insns)
		switch rng.IntN(8) {
		case 0, 1:
			add(ops[rng.IntN(len(ops))].Reg(reg(), reg()))
		case 2:
			add(ops[rng.IntN(len(ops))].Imm32(reg(), imm()))
		case 3:
			add(asm.RSh.Imm(reg(), int32(rng.IntN(64))))
		case 4: // by name, forward
			add(jumps[rng.IntN(len(jumps))].Imm(reg(), imm(), fmt.Sprintf("step%d", n+1+rng.IntN(steps-n))))
		case 5: // by distance, over one instruction
			jump := jumps[rng.IntN(len(jumps))].Reg(reg(), reg(), "")
			jump.Offset = 1
			add(jump, ops[rng.IntN(len(ops))].Reg(reg(), reg()))
		case 6:
			slot := int16(-8 * (1 + rng.IntN(stack/8)))
			add(asm.StoreMem(asm.RFP, slot, reg(), asm.DWord), asm.LoadMem(reg(), asm.RFP, slot, asm.DWord))
		case 7: // never taken, to the start
			r := reg()
			add(asm.Mov.Imm(r, int32(n)), asm.JEq.Imm(r, int32(n)+1, "main"))
		}
		if calls && rng.IntN(6) == 0 {
			add(asm.Call.Label("sub"))
			for _, r := range regs[1:6] {
				add(asm.Mov.Imm(r, imm()))
			}
		}
		insns[step] = insns[step].WithSymbol(fmt.Sprintf("step%d", n))
	}
	end := len(insns)
	for _, r := range regs[1:] {
		add(asm.Xor.Reg(asm.R0, r))
	}
	insns[end] = insns[end].WithSymbol(fmt.Sprintf("step%d", steps))
	if calls {
		add(asm.Call.Label("sub"))
	}
	add(asm.Return())
	if calls {
		add(asm.Mov.Reg(asm.R0, asm.R1).WithSymbol("sub"), asm.Mul.Imm(asm.R0, imm()), asm.Xor.Reg(asm.R0, asm.R5), asm.Return())
	}
	return insns
}

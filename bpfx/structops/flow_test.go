package structops

import (
	"testing"

	"github.com/cilium/ebpf/asm"
)

// FuzzFlow follows instructions that make no sense: it must end.
func FuzzFlow(f *testing.F) {
	f.Add([]byte{0x95, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x05, 0, 0xff, 0xff, 0, 0, 0, 0})
	f.Add([]byte{0x06, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x79, 0x12, 8, 0, 0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, code []byte) {
		var insns asm.Instructions
		for ; len(code) >= 8; code = code[8:] {
			insns = append(insns, asm.Instruction{
				OpCode:   asm.OpCode(code[0]),
				Dst:      asm.Register(code[1] & 0xf),
				Src:      asm.Register(code[1] >> 4),
				Offset:   int16(uint16(code[2]) | uint16(code[3])<<8),
				Constant: int64(int32(uint32(code[4]) | uint32(code[5])<<8 | uint32(code[6])<<16 | uint32(code[7])<<24)),
			})
		}
		newFlow(insns)
	})
}

// TestFlowOffsets follows jumps by number, over a wide constant, as in programs
// from bytecode.
func TestFlowOffsets(t *testing.T) {
	f := newFlow(asm.Instructions{
		{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Ja), Offset: 2}, // over the constant of two
		asm.LoadImm(asm.R0, 1, asm.DWord),
		asm.Return(),
	})
	if !f.unset {
		t.Error("the jump over what sets R0 isn't seen")
	}
	f = newFlow(asm.Instructions{
		{OpCode: asm.OpCode(asm.Jump32Class).SetJumpOp(asm.Ja), Constant: 0},
		asm.LoadImm(asm.R0, 1, asm.DWord),
		asm.Return(),
	})
	if f.unset {
		t.Error("what sets R0 isn't seen after a long jump")
	}
	f = newFlow(asm.Instructions{
		{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Ja).SetSource(asm.RegSource)}, // to where R0 says
		asm.Return(),
	})
	if f.unset {
		t.Error("a jump by a register leads to the next instruction")
	}
}

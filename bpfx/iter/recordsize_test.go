package iter

import (
	"testing"

	"github.com/cilium/ebpf/asm"
)

func TestRecordSize(t *testing.T) {
	size, call := asm.Mov.Imm(asm.R3, 16), asm.FnSeqWrite.Call()
	end := asm.Return().WithSymbol("end")
	other := asm.Mov.Imm(asm.R2, 8)
	for _, tt := range []struct {
		name  string
		insns asm.Instructions
		want  int
	}{
		{"nothing", asm.Instructions{end}, 0},
		{"constant", asm.Instructions{size, call, end}, 16},
		{"32 bits", asm.Instructions{asm.Mov.Imm32(asm.R3, 24), call, end}, 24},
		{"the last counts", asm.Instructions{asm.Mov.Imm(asm.R3, 8), size, call, end}, 16},
		{"others between", asm.Instructions{size, other, asm.StoreMem(asm.R10, -8, asm.R3, asm.DWord), asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.LoadImm(asm.R4, 1, asm.DWord), call, end}, 16},
		{"jump out between", asm.Instructions{size, asm.JEq.Imm(asm.R6, 0, "end"), call, end}, 16},
		{"jump over both", asm.Instructions{asm.JEq.Imm(asm.R6, 0, "end"), size, call, end}, 16},
		{"jump by distance", asm.Instructions{{OpCode: asm.JEq.Op(asm.ImmSource), Dst: asm.R6, Offset: 2}, size, call, asm.Return()}, 16},
		{"jump over a wide one", asm.Instructions{{OpCode: asm.JEq.Op(asm.ImmSource), Dst: asm.R6, Offset: 3}, size, asm.LoadImm(asm.R4, 1, asm.DWord), call, asm.Return()}, 0},
		{"no constant", asm.Instructions{call, end}, 0},
		{"not known", asm.Instructions{asm.Mov.Reg(asm.R3, asm.R4), call, end}, 0},
		{"computed", asm.Instructions{size, asm.Add.Imm(asm.R3, 8), call, end}, 0},
		{"sign extended", asm.Instructions{{OpCode: asm.Mov.Op(asm.ImmSource), Dst: asm.R3, Constant: 8, Offset: 8}, call, end}, 0},
		{"loaded", asm.Instructions{size, asm.LoadMem(asm.R3, asm.R10, -8, asm.DWord), call, end}, 0},
		{"wide", asm.Instructions{size, asm.LoadImm(asm.R3, 8, asm.DWord), call, end}, 0},
		{"clobbered by a call", asm.Instructions{size, asm.FnKtimeGetNs.Call(), call, end}, 0},
		{"clobbered by a fetch", asm.Instructions{size, asm.FetchAdd.Mem(asm.R10, asm.R3, asm.DWord, -8), call, end}, 0},
		{"jump between", asm.Instructions{asm.JEq.Imm(asm.R6, 0, "in"), size, other.WithSymbol("in"), call, end}, 0},
		{"jump to the call", asm.Instructions{asm.JEq.Imm(asm.R6, 0, "in"), size, call.WithSymbol("in"), end}, 0},
		{"jump between, long", asm.Instructions{asm.LongJump("in"), size, other.WithSymbol("in"), call, end}, 0},
		{"twice", asm.Instructions{size, call, size, call, end}, 0},
		{"loop", asm.Instructions{size.WithSymbol("again"), call, asm.JEq.Imm(asm.R6, 0, "again"), end}, 0},
		{"jump to nowhere", asm.Instructions{size, call, asm.JEq.Imm(asm.R6, 0, "gone"), end}, 0},
		{"text", asm.Instructions{size, call, asm.FnSeqPrintf.Call(), end}, 0},
		{"tail call", asm.Instructions{size, call, asm.FnTailCall.Call(), end}, 0},
		{"subprogram", asm.Instructions{size, call, asm.Call.Label("end"), end}, 0},
		{"callback", asm.Instructions{asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc, Constant: -1}.WithReference("end"), size, call, end}, 0},
		{"kernel function", asm.Instructions{size, call, {OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall}, end}, 0},
	} {
		if got := recordSize(tt.insns); got != tt.want {
			t.Errorf("%s: recordSize() = %d, want %d\n%v", tt.name, got, tt.want, tt.insns)
		}
	}
}

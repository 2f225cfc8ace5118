package tailcall

import (
	"math"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// registers is what is known of R0 to R10 at one place of a program.
type registers [asm.R10 + 1]value

// atEntry returns what is known where a function starts.
func atEntry() registers {
	var r registers
	r[asm.RFP] = value{kind: frame}
	return r
}

func (r *registers) get(n asm.Register) value {
	if int(n) >= len(r) {
		return value{}
	}
	return r[n]
}

// set changes any register but the frame pointer, which can't be written to.
func (r *registers) set(n asm.Register, v value) {
	if n < asm.RFP {
		r[n] = v
	}
}

// clobber forgets the registers that a call may change.
func (r *registers) clobber() {
	for n := asm.R0; n <= asm.R5; n++ {
		r[n] = value{}
	}
}

// join adds what is known on another way to the same place. It reports whether
// that says less than before. If wide is set, what differs is given up.
func (r *registers) join(s *registers, wide bool) (changed bool) {
	for n, v := range r {
		if v == s[n] {
			continue
		}
		j := v.join(s[n])
		if j == v {
			continue
		}
		if wide {
			j = value{}
		}
		r[n], changed = j, true
	}
	return changed
}

// alike reports whether what a tail call takes is the same, or varies in both.
func (r *registers) alike(s *registers, l live) bool {
	same := func(n asm.Register) bool {
		v, w := r[n], s[n]
		return v == w || v.kind != mapRef && w.kind != mapRef && !v.isConstant() && !w.isConstant()
	}
	return (l&arrayLive == 0 || same(asm.R2)) && (l&indexLive == 0 || same(asm.R3))
}

// operand returns the second operand of an ALU or jump instruction.
func (r *registers) operand(ins *asm.Instruction) value {
	if ins.OpCode.Source() == asm.RegSource {
		return r.get(ins.Src)
	}
	return constant(uint64(ins.Constant))
}

// relocated reports whether what ins puts into a register is only known when
// the program is loaded: CO-RE (Compile Once, Run Everywhere) changes constants
// and sizes, and an address of the kernel's is found by its name.
func relocated(ins *asm.Instruction) bool {
	return ins.Reference() != "" || btf.CORERelocationMetadata(ins) != nil
}

// alu does what an ALU instruction does.
func (r *registers) alu(ins *asm.Instruction) {
	if relocated(ins) {
		r.set(ins.Dst, value{})
		return
	}
	op := ins.OpCode.ALUOp()
	if op == asm.Swap {
		v := value{}
		if n := ins.Constant; n == 16 || n == 32 {
			v = between(0, 1<<uint(n)-1)
		}
		r.set(ins.Dst, v)
		return
	}
	if ins.Offset != 0 { // a cast between address spaces, or unknown
		r.set(ins.Dst, value{})
		return
	}
	if ins.OpCode.Class() == asm.ALU64Class {
		r.set(ins.Dst, calculate(op, r.get(ins.Dst), r.operand(ins), 64))
		return
	}
	v := calculate(op, r.get(ins.Dst).low32(), r.operand(ins).low32(), 32)
	r.set(ins.Dst, v.low32())
}

// load does what an instruction of one of the load classes does.
func (r *registers) load(ins *asm.Instruction) {
	v := value{}
	if relocated(ins) {
		r.set(ins.Dst, v)
		return
	}
	switch ins.OpCode.Mode() {
	case asm.AbsMode, asm.IndMode: // calls the kernel
		r.clobber()
		return
	case asm.MemMode:
		if n := ins.OpCode.Size().Sizeof(); n == 1 || n == 2 || n == 4 {
			v = between(0, 1<<(8*n)-1)
		}
	case asm.ImmMode:
		if ins.IsConstantLoad(asm.DWord) {
			v = constant(uint64(ins.Constant))
		}
	}
	r.set(ins.Dst, v)
}

// atomic forgets what an atomic instruction may change.
func (r *registers) atomic(ins *asm.Instruction) {
	r.set(asm.R0, value{})
	r.set(ins.Src, value{})
	r.set(ins.Dst, value{})
}

// branch changes a copy of r, and r itself, to what is known where a conditional
// jump leads, and behind it. It returns false for a way that can't be gone.
func (r *registers) branch(ins *asm.Instruction, taken *registers) (canTake, canNot bool) {
	*taken = *r
	if ins.OpCode.Source() != asm.ImmSource {
		return true, true
	}
	v, c := r.get(ins.Dst), uint64(ins.Constant)
	if ins.OpCode.Class() == asm.Jump32Class {
		if !v.fits(math.MaxUint32) {
			return true, true
		}
		c &= math.MaxUint32
	}
	with, without, canTake, canNot := branch(ins.OpCode.JumpOp(), v, c)
	taken.set(ins.Dst, with)
	r.set(ins.Dst, without)
	return canTake, canNot
}

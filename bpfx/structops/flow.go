package structops

import (
	"github.com/cilium/ebpf/asm"
)

// What a register holds, as far as flow knows.
const (
	other  = iota // anything
	ctx           // the context: an array of arguments, 64 bits each
	argTag        // argTag+n is argument n
)

// regs is what flow knows before an instruction.
type regs struct {
	tags [asm.R10 + 1]uint8
	// r0 says that on some path R0 has been written.
	r0      bool
	reached bool
}

// flow is what the instructions of a program show by themselves, without the
// verifier's knowledge of values. What it isn't sure of it doesn't report.
type flow struct {
	insns  asm.Instructions
	at     map[asm.RawInstructionOffset]int // index of the instruction at an offset
	raw    []asm.RawInstructionOffset
	labels map[string]int
	before []regs

	// unset says that the program can end without ever having written R0.
	unset bool
	// maxArg is the highest argument that it reads, -1 for none.
	maxArg int
	// compares are the constants that argument n is compared with for equality.
	compares map[int][]int64
}

// newFlow follows all paths through the main function of a program.
func newFlow(insns asm.Instructions) *flow {
	f := &flow{
		insns:    insns,
		at:       make(map[asm.RawInstructionOffset]int),
		labels:   make(map[string]int),
		before:   make([]regs, len(insns)),
		maxArg:   -1,
		compares: make(map[int][]int64),
	}
	offset := asm.RawInstructionOffset(0)
	for i := range insns {
		f.at[offset] = i
		f.raw = append(f.raw, offset)
		if name := insns[i].Symbol(); name != "" {
			f.labels[name] = i
		}
		offset += asm.RawInstructionOffset(insns[i].Size() / asm.InstructionSize)
	}
	f.run()
	return f
}

func (f *flow) run() {
	start := regs{reached: true}
	start.tags[asm.R1] = ctx
	var work []int
	enter := func(i int, in regs) {
		if i >= 0 && i < len(f.before) && f.before[i].join(in) {
			work = append(work, i)
		}
	}
	enter(0, start)
	for len(work) > 0 {
		i := work[len(work)-1]
		work = work[:len(work)-1]
		out := f.before[i]
		out.step(&f.insns[i])
		for _, next := range f.next(i) {
			enter(next, out)
		}
	}
	for i := range f.insns {
		if f.before[i].reached {
			f.note(i)
		}
	}
}

// note records what one instruction shows.
func (f *flow) note(i int) {
	ins, in := &f.insns[i], &f.before[i]
	op := ins.OpCode
	switch {
	case op.Class().IsJump() && op.JumpOp() == asm.Exit:
		f.unset = f.unset || !in.r0
	case op.Class() == asm.LdXClass && in.tag(ins.Src) == ctx && ins.Offset >= 0:
		f.maxArg = max(f.maxArg, int(ins.Offset)/8)
	case op.Class().IsJump() && (op.JumpOp() == asm.JEq || op.JumpOp() == asm.JNE) && op.Source() == asm.ImmSource:
		if t := in.tag(ins.Dst); t >= argTag {
			f.compares[int(t-argTag)] = append(f.compares[int(t-argTag)], ins.Constant)
		}
	}
}

// next returns the instructions that may follow one.
func (f *flow) next(i int) []int {
	ins := &f.insns[i]
	op := ins.OpCode
	if !op.Class().IsJump() || op.JumpOp() == asm.Call {
		return []int{i + 1}
	}
	switch op.JumpOp() {
	case asm.Exit:
		return nil
	case asm.Ja:
		if op.Source() == asm.RegSource {
			return nil // where a register says
		}
		return []int{f.target(i)}
	}
	return []int{i + 1, f.target(i)}
}

// target returns where a jump goes, -1 if that isn't known.
func (f *flow) target(i int) int {
	ins := &f.insns[i]
	if name := ins.Reference(); name != "" {
		if to, ok := f.labels[name]; ok {
			return to
		}
		return -1
	}
	by := int64(ins.Offset)
	if ins.OpCode.Class() == asm.Jump32Class && ins.OpCode.JumpOp() == asm.Ja {
		by = ins.Constant
	}
	to := int64(f.raw[i]) + 1 + by
	if to < 0 || to > int64(^uint32(0)) {
		return -1
	}
	if next, ok := f.at[asm.RawInstructionOffset(to)]; ok {
		return next
	}
	return -1
}

// join merges what another path brings and reports whether that changed r.
func (r *regs) join(in regs) bool {
	if !r.reached {
		*r = in
		return true
	}
	old := *r
	for i := range r.tags {
		if r.tags[i] != in.tags[i] {
			r.tags[i] = other
		}
	}
	r.r0 = r.r0 || in.r0
	return *r != old
}

// tag returns what a register holds.
func (r *regs) tag(reg asm.Register) uint8 {
	if int(reg) < len(r.tags) {
		return r.tags[reg]
	}
	return other // no such register
}

// step is what an instruction does to the registers.
func (r *regs) step(ins *asm.Instruction) {
	op := ins.OpCode
	write := func(dst asm.Register, tag uint8) {
		if int(dst) < len(r.tags) {
			r.tags[dst] = tag
		}
		r.r0 = r.r0 || dst == asm.R0
	}
	switch class := op.Class(); {
	case class.IsJump():
		if op.JumpOp() == asm.Call {
			for reg := asm.R0; reg <= asm.R5; reg++ {
				write(reg, other)
			}
		}
	case class == asm.StXClass && op.Mode() == asm.AtomicMode:
		write(ins.Src, other) // those that fetch write it
		r.r0 = true           // compare and exchange does
	case class.IsStore():
	case class == asm.LdXClass:
		tag := uint8(other)
		if r.tag(ins.Src) == ctx && ins.Offset >= 0 && ins.Offset < 8*12 && ins.Offset%8 == 0 {
			tag = argTag + uint8(ins.Offset/8)
		}
		write(ins.Dst, tag)
	case class.IsALU():
		tag := uint8(other)
		switch op.ALUOp() {
		case asm.Mov:
			if op.Source() == asm.RegSource && ins.Offset == 0 { // others extend a sign
				tag = r.tag(ins.Src)
			}
		case asm.LSh, asm.RSh, asm.And: // how 32 bits are cut out
			if t := r.tag(ins.Dst); t >= argTag && op.Source() == asm.ImmSource {
				tag = t
			}
		}
		write(ins.Dst, tag)
	default:
		write(ins.Dst, other) // a wide constant
	}
}

package tailcall_test

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx/tailcall"
)

// FuzzFindings makes programs of random instructions, runs them in a simple
// interpreter and wants a finding for every tail call there that falls through.
func FuzzFindings(f *testing.F) {
	for seed := range int64(64) {
		b := make([]byte, 400)
		rand.New(rand.NewSource(seed)).Read(b)
		f.Add(b, seed)
	}
	f.Add([]byte{16, 3, 0, 1, 15, 2, 0, 0, 17, 0, 0, 0}, int64(0)) // slot 1 is empty
	f.Fuzz(func(t *testing.T, code []byte, seed int64) {
		insns := decode(code)
		s := &tailcall.Spec{
			Map: "jump", MaxEntries: 4, Entry: &ebpf.ProgramSpec{Name: "fuzz", Type: ebpf.XDP, Instructions: insns},
			Slots: slots(xdp("zero", 0), nil, xdp("two", 2))[:3],
		}
		s.Slots = append(s.Slots[:1], s.Slots[2])
		found := make(map[int]tailcall.Level)
		for _, finding := range s.Findings() {
			if k := finding.Kind; k == tailcall.EmptySlot || k == tailcall.OutOfRange || k == tailcall.UnknownArray {
				found[finding.Instruction] = max(found[finding.Instruction], finding.Level)
			}
		}
		if g := s.Graph(); strings.Contains(g.String(), "\x00") || g.DOT() == "" {
			t.Error("odd graph")
		}
		rng := rand.New(rand.NewSource(seed))
		for range 8 {
			in := &interpreter{insns: insns, rng: rng, raw: offsets(insns)}
			in.run(func(ins int, index uint32, constant bool) {
				if index == 0 || index == 2 {
					return
				}
				level, ok := found[ins]
				if !ok {
					t.Fatalf("instruction %d calls slot %d, which is empty: no finding\n%v", ins, index, insns)
				}
				if constant && level < tailcall.Error {
					t.Fatalf("instruction %d calls slot %d, a constant, which is empty: %v\n%v", ins, index, level, insns)
				}
			})
		}
	})
}

// decode makes instructions of random bytes, four each.
func decode(code []byte) (insns asm.Instructions) {
	alu := []asm.ALUOp{asm.Add, asm.Sub, asm.Mul, asm.Div, asm.Or, asm.And, asm.LSh, asm.RSh, asm.Mod, asm.Xor, asm.Mov, asm.Neg, asm.ArSh}
	jumps := []asm.JumpOp{asm.JEq, asm.JNE, asm.JGT, asm.JGE, asm.JLT, asm.JLE, asm.JSGT, asm.JSet, asm.Ja}
	sizes := []asm.Size{asm.Byte, asm.Half, asm.Word, asm.DWord}
	for ; len(code) >= 4; code = code[4:] {
		dst, src, n := asm.Register(code[1]%10), asm.Register(code[1]/10%10), int32(int8(code[3]))
		op, jump := alu[int(code[2])%len(alu)], jumps[int(code[2])%len(jumps)]
		if code[2]&64 != 0 {
			n &= 7
		}
		label := asm.Instruction{Dst: dst, Src: src, Offset: int16(n % 16), Constant: int64(code[2] & 7)}
		switch code[0] % 20 {
		case 0, 1, 2:
			insns = append(insns, op.Imm(dst, n))
		case 3:
			insns = append(insns, op.Imm32(dst, n))
		case 4, 5:
			insns = append(insns, op.Reg(dst, src))
		case 6:
			insns = append(insns, op.Reg32(dst, src))
		case 7, 8:
			label.OpCode = jump.Op(asm.ImmSource)
			insns = append(insns, label)
		case 9:
			label.OpCode = jump.Op(asm.RegSource)
			if jump == asm.Ja {
				label.OpCode = jump.Op(asm.ImmSource)
			}
			insns = append(insns, label)
		case 10:
			label.OpCode = asm.OpCode(asm.Jump32Class).SetJumpOp(jumps[int(code[2])%(len(jumps)-1)])
			insns = append(insns, label)
		case 11:
			insns = append(insns, asm.LoadMem(dst, src, 0, sizes[n&3]))
		case 12:
			insns = append(insns, asm.FnKtimeGetNs.Call())
		case 13:
			insns = append(insns, asm.LoadImm(dst, int64(n), asm.DWord))
		case 14:
			insns = append(insns, asm.Return())
		case 15:
			insns = append(insns, asm.LoadMapPtr(asm.R2, 0).WithReference("jump"))
		case 16:
			insns = append(insns, asm.Mov.Imm(asm.R3, n&7))
		case 17:
			insns = append(insns, asm.FnTailCall.Call())
		case 18:
			insns = append(insns, asm.Mov.Imm(asm.R3, n&7), asm.LoadMapPtr(asm.R2, 0).WithReference("jump"), asm.FnTailCall.Call())
		case 19:
			call := asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoCall, Constant: int64(n)}
			insns = append(insns, call)
		}
	}
	return insns
}

// offsets returns the place of each instruction as the kernel counts.
func offsets(insns asm.Instructions) (raw []int) {
	for it := insns.Iterate(); it.Next(); {
		raw = append(raw, int(it.Offset))
	}
	return raw
}

// interpreter runs a program. Memory, and what helpers return, is random.
type interpreter struct {
	insns asm.Instructions
	raw   []int
	rng   *rand.Rand
	r     [11]word
	depth int
	steps int
}

// word is a register: a number, or a pointer to the array.
type word struct {
	n     uint64
	array bool
}

func (in *interpreter) random() word {
	if in.rng.Intn(2) == 0 {
		return word{n: uint64(in.rng.Intn(8))}
	}
	return word{n: in.rng.Uint64()}
}

// at returns the index of the instruction at a place, -1 if there is none.
func (in *interpreter) at(raw int) int {
	for i, r := range in.raw {
		if r == raw {
			return i
		}
	}
	return -1
}

func (in *interpreter) run(tailCall func(ins int, index uint32, constant bool)) {
	for i := range in.r {
		in.r[i] = in.random()
	}
	in.function(0, tailCall)
}

// function runs from an instruction to the end of the function. It returns
// false if the program has ended.
func (in *interpreter) function(i int, tailCall func(int, uint32, bool)) bool {
	for ; i >= 0 && i < len(in.insns); i++ {
		if in.steps++; in.steps > 400 {
			return false
		}
		ins := &in.insns[i]
		src := word{n: uint64(ins.Constant)}
		if ins.OpCode.Source() == asm.RegSource {
			src = in.r[ins.Src]
		}
		switch class := ins.OpCode.Class(); {
		case class.IsALU():
			in.alu(ins, src)
		case ins.IsLoadFromMap():
			in.r[ins.Dst] = word{array: true, n: 1 << 60}
		case ins.OpCode.IsDWordLoad():
			in.r[ins.Dst] = word{n: uint64(ins.Constant)}
		case class == asm.LdXClass:
			mask := ^uint64(0)
			if n := ins.OpCode.Size().Sizeof(); n < 8 {
				mask = 1<<(8*n) - 1
			}
			in.r[ins.Dst] = word{n: in.random().n & mask}
		case ins.OpCode.JumpOp() == asm.Exit:
			return true
		case ins.OpCode.JumpOp() == asm.Call:
			if ins.Src == asm.PseudoCall {
				to := in.at(in.raw[i] + 1 + int(ins.Constant))
				if in.depth++; to < 0 || in.depth > 8 {
					return false
				}
				saved := in.r
				if !in.function(to, tailCall) {
					return false
				}
				in.depth--
				copy(in.r[6:], saved[6:])
			} else if asm.BuiltinFunc(ins.Constant) == asm.FnTailCall && in.r[2].array {
				constant := i >= 2 && in.insns[i-1].IsLoadFromMap() && in.insns[i-2].OpCode == asm.Mov.Op(asm.ImmSource) && in.insns[i-2].Dst == asm.R3 && !in.entered(i) && !in.entered(i-1)
				tailCall(in.raw[i], uint32(in.r[3].n), constant)
			}
			for n := range 6 {
				in.r[n] = in.random()
			}
		default:
			if jumps(ins, in.r[ins.Dst].n, src.n) {
				if i = in.at(in.raw[i] + 1 + int(ins.Offset)); i < 0 {
					return false
				}
				i--
			}
		}
	}
	return false
}

// entered reports whether something jumps to or calls the instruction at i.
func (in *interpreter) entered(i int) bool {
	for k := range in.insns {
		ins := &in.insns[k]
		delta := int(ins.Offset)
		if ins.IsFunctionCall() {
			delta = int(ins.Constant)
		} else if !ins.OpCode.Class().IsJump() {
			continue
		}
		if in.raw[k]+1+delta == in.raw[i] {
			return true
		}
	}
	return false
}

func jumps(ins *asm.Instruction, a, b uint64) bool {
	if ins.OpCode.Class() == asm.Jump32Class {
		a, b = a&(1<<32-1), b&(1<<32-1)
	}
	switch ins.OpCode.JumpOp() {
	case asm.JEq:
		return a == b
	case asm.JNE:
		return a != b
	case asm.JGT:
		return a > b
	case asm.JGE:
		return a >= b
	case asm.JLT:
		return a < b
	case asm.JLE:
		return a <= b
	case asm.JSGT:
		return int64(a) > int64(b)
	case asm.JSet:
		return a&b != 0
	}
	return true
}

func (in *interpreter) alu(ins *asm.Instruction, src word) {
	op, wide := ins.OpCode.ALUOp(), ins.OpCode.Class() == asm.ALU64Class
	if op == asm.Mov && wide {
		in.r[ins.Dst] = src
		return
	}
	a, b, width := in.r[ins.Dst].n, src.n, uint64(64)
	if !wide {
		a, b, width = a&(1<<32-1), b&(1<<32-1), 32
	}
	switch op {
	case asm.Mov:
		a = b
	case asm.Add:
		a += b
	case asm.Sub:
		a -= b
	case asm.Mul:
		a *= b
	case asm.Div:
		if a /= max(b, 1); b == 0 {
			a = 0
		}
	case asm.Mod:
		if b != 0 {
			a %= b
		}
	case asm.Or:
		a |= b
	case asm.And:
		a &= b
	case asm.Xor:
		a ^= b
	case asm.LSh:
		a <<= b % width
	case asm.RSh:
		a >>= b % width
	case asm.Neg:
		a = -a
	case asm.ArSh:
		if wide {
			a = uint64(int64(a) >> (b % width))
		} else {
			a = uint64(uint32(int32(a) >> (b % width)))
		}
	}
	if !wide {
		a &= 1<<32 - 1
	}
	in.r[ins.Dst] = word{n: a}
}

// FuzzFindingsRaw makes instructions that no assembler makes. Nothing may
// panic.
func FuzzFindingsRaw(f *testing.F) {
	for seed := range int64(256) {
		b := make([]byte, 600)
		rand.New(rand.NewSource(seed)).Read(b)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		var insns asm.Instructions
		for ; len(code) >= 6; code = code[6:] {
			insns = append(insns, asm.Instruction{
				OpCode: asm.OpCode(code[0]) | asm.OpCode(code[1]&1)<<8, Dst: asm.Register(code[2] & 31), Src: asm.Register(code[2] >> 5),
				Offset: int16(int8(code[3])), Constant: int64(int8(code[4])) * 1 << (code[5] & 63),
			})
		}
		s := &tailcall.Spec{Map: "jump", MaxEntries: 4, Entry: &ebpf.ProgramSpec{Instructions: insns}, Slots: slots(xdp("zero", 0))}
		_ = s.Check()
		_ = s.Graph().String()
	})
}

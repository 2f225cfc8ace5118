package tailcall

import "github.com/cilium/ebpf/asm"

// live says which of the registers that a tail call takes may be taken by one
// before they change.
type live uint8

const (
	arrayLive live = 1 << iota // R2
	indexLive                  // R3
	bothLive  = arrayLive | indexLive
)

// findLive finds what is live at the start of each block. A block's successors
// are mostly behind it, so one pass backwards does nearly all; loops take more.
func (f *flow) findLive() {
	for changed := true; changed; {
		changed = false
		for n := len(f.blocks) - 1; n >= 0; n-- {
			if l := f.liveAt(n); l != f.blocks[n].live {
				f.blocks[n].live, changed = l, true
			}
		}
	}
}

// liveAt returns what is live at the start of a block.
func (f *flow) liveAt(n int) live {
	end := len(f.insns)
	if n+1 < len(f.blocks) {
		end = f.blocks[n+1].start
	}
	var used, set live
	for i := f.blocks[n].start; i < end; i++ {
		ins := &f.insns[i]
		switch class := ins.OpCode.Class(); {
		case class == asm.StClass || class == asm.StXClass && ins.OpCode.Mode() == asm.MemMode:
		case !class.IsJump():
			switch ins.Dst {
			case asm.R2:
				set |= arrayLive
			case asm.R3:
				set |= indexLive
			}
		case ins.OpCode.JumpOp() == asm.Call:
			if ins.IsBuiltinCall() && asm.BuiltinFunc(ins.Constant) == asm.FnTailCall {
				used |= bothLive &^ set
			}
			set = bothLive
		case ins.OpCode.JumpOp() == asm.Exit:
			set = bothLive
		case ins.OpCode.JumpOp() != asm.InvalidJumpOp:
			if t := f.target(i); t >= 0 && f.leader[t] >= 0 {
				used |= f.blocks[f.leader[t]].live &^ set
			}
			if ins.OpCode.JumpOp() == asm.Ja {
				set = bothLive
			}
		}
		if set == bothLive {
			return used
		}
	}
	if n+1 < len(f.blocks) {
		used |= f.blocks[n+1].live &^ set
	}
	return used
}

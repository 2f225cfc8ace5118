package tailcall

import (
	"cmp"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// run follows a block from what is known at its start.
func (f *flow) run(b *block, view int) {
	r, fn := b.views[view].registers, b.fn
	for i := b.start; i < len(f.insns); i++ {
		if i > b.start && f.leader[i] >= 0 {
			f.enter(i, &r)
			return
		}
		ins := &f.insns[i]
		switch class := ins.OpCode.Class(); class {
		case asm.JumpClass, asm.Jump32Class:
			if !f.jump(i, fn, &r) {
				return
			}
		case asm.ALUClass, asm.ALU64Class:
			r.alu(ins)
		case asm.LdClass, asm.LdXClass:
			f.load(i, fn, &r)
		case asm.StClass, asm.StXClass:
			f.access(fn, r.get(ins.Dst), int64(ins.Offset))
			if class == asm.StXClass && ins.OpCode.Mode() == asm.AtomicMode {
				r.atomic(ins)
			}
		}
	}
}

// jump does what an instruction of one of the jump classes does. It returns
// false if the next one is not reached from here, or enters it itself.
func (f *flow) jump(i, fn int, r *registers) bool {
	ins := &f.insns[i]
	switch ins.OpCode.JumpOp() {
	case asm.Call:
		f.call(i, fn, r)
		r.clobber()
		return true
	case asm.Exit:
		return false
	case asm.InvalidJumpOp: // which the kernel refuses
		return true
	case asm.Ja:
		f.enter(f.target(i), r)
		return false
	}
	var taken registers
	canTake, canNot := r.branch(ins, &taken)
	if canTake {
		f.enter(f.target(i), &taken)
	}
	if canNot {
		f.enter(i+1, r)
	}
	return false
}

// call follows a call of a helper, or of a function of the program.
func (f *flow) call(i, fn int, r *registers) {
	ins := &f.insns[i]
	if ins.IsBuiltinCall() {
		switch asm.BuiltinFunc(ins.Constant) {
		case asm.FnTailCall:
			f.tailCall(i, fn, r)
			return
		case asm.FnOverrideReturn:
			f.overrides = true
		}
	}
	in := atEntry()
	for n := asm.R1; n <= asm.R5; n++ {
		f.access(fn, r[n], 0)
		if r[n].kind != frame { // of the caller's
			in[n] = r[n]
		}
	}
	if ins.IsFunctionCall() {
		f.callee(fn, f.target(i), &in)
	}
}

// callee enters the function at start, which function fn calls.
func (f *flow) callee(fn, start int, in *registers) {
	n, ok := slices.BinarySearchFunc(f.funcs, start, func(fn function, start int) int { return fn.start - start })
	if !ok {
		return
	}
	if list := &f.funcs[fn].callees; !slices.Contains(*list, n) {
		*list = append(*list, n)
	}
	f.enter(start, in)
}

// tailCall records a tail call.
func (f *flow) tailCall(i, fn int, r *registers) {
	index := r[asm.R3].low32() // the kernel takes an u32
	for k := range f.calls[i] {
		if c := &f.calls[i][k]; c.array == r[asm.R2] && (c.index == index || k == maxViews-1) {
			c.index = c.index.join(index)
			return
		}
	}
	f.calls[i] = append(f.calls[i], tailCall{ins: int(f.raw[i]), fn: fn, array: r[asm.R2], index: index})
}

// load does what an instruction of one of the load classes does.
func (f *flow) load(i, fn int, r *registers) {
	ins := &f.insns[i]
	switch {
	case ins.IsLoadFromMap():
		n := f.ref(ins)
		r.set(ins.Dst, value{})
		if ins.Src == asm.PseudoMapFD {
			r.set(ins.Dst, value{kind: mapRef, lo: uint64(n)})
		}
	case ins.IsLoadOfFunctionPointer():
		r.set(ins.Dst, value{})
		in := atEntry()
		f.callee(fn, f.target(i), &in)
	default:
		if ins.OpCode.Class() == asm.LdXClass {
			f.access(fn, r.get(ins.Src), int64(ins.Offset))
		}
		r.load(ins)
	}
}

// ref returns the number of the map that ins refers to.
func (f *flow) ref(ins *asm.Instruction) int {
	id := mapID{fd: int32(ins.Constant)}
	switch m := ins.Map().(type) {
	case *ebpf.Map:
		id = mapID{m: m}
	case nil:
		// A descriptor comes before a name, as in cilium/ebpf.
		if id.fd <= 0 && ins.Reference() != "" {
			id = mapID{name: ins.Reference()}
		}
	default:
		id.fd = int32(m.FD())
	}
	if n := slices.Index(f.refs, id); n >= 0 {
		return n
	}
	f.refs = append(f.refs, id)
	return len(f.refs) - 1
}

// access notes that memory at v and an offset is used.
func (f *flow) access(fn int, v value, offset int64) {
	const most = 512 // bytes; the kernel refuses more
	if v.kind != frame {
		return
	}
	if depth := -(int64(v.lo) + offset); depth > int64(f.funcs[fn].depth) && depth <= most {
		f.funcs[fn].depth = int(depth)
	}
}

// sortedKeys returns the keys of m in order.
func sortedKeys[M ~map[K]V, K cmp.Ordered, V any](m M) []K {
	return slices.Sorted(maps.Keys(m))
}

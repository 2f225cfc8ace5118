package tailcall

import (
	"cmp"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// An analysis is what the instructions of a program tell.
type analysis struct {
	calls []tailCall // by instruction
	funcs []function // by instruction; the first is the program itself
	refs  []mapID    // the maps that it refers to, reached or not
	// overrides says that it calls bpf_override_return.
	overrides bool
}

// A tailCall is a bpf_tail_call that can be reached. There are several for one
// instruction if it is reached in different ways with different arrays or
// indices: compilers join calls.
type tailCall struct {
	ins    int // counted as the kernel does
	fn     int // in analysis.funcs
	array  value
	index  value
	joined bool // there are several
}

// A function is the program or one that it calls.
type function struct {
	name    string
	start   int  // index of its first instruction
	depth   int  // bytes of its stack that it uses
	info    bool // it has BTF
	callees []int
}

// A mapID names a map as an instruction does: by name, by value, by the
// kernel's id or, with none of these, by descriptor.
type mapID struct {
	name string
	m    *ebpf.Map
	id   ebpf.MapID
	fd   int32
}

// analyse reads instructions. It follows all ways through the program and
// keeps what holds on each, so it knows less than the kernel's verifier, and
// never more.
func analyse(insns asm.Instructions) *analysis {
	f := newFlow(insns)
	for f.next < len(f.blocks) {
		b := &f.blocks[f.next]
		f.next++
		// Views may be added, and f.next go back, meanwhile.
		for n := 0; n < len(b.views); n++ {
			if b.views[n].queued {
				b.views[n].queued = false
				f.run(b, n)
			}
		}
	}
	a := &analysis{funcs: f.funcs, refs: f.refs, overrides: f.overrides}
	for _, i := range sortedKeys(f.calls) {
		a.calls = append(a.calls, collapse(f.calls[i])...)
	}
	for i := range a.funcs {
		ins := &insns[a.funcs[i].start]
		a.funcs[i].name, a.funcs[i].info = ins.Symbol(), btf.FuncMetadata(ins) != nil
	}
	return a
}

// collapse joins calls of an array of which one has an index that varies: the
// others were seen on the way there, as in a loop.
func collapse(calls []tailCall) []tailCall {
	var list []tailCall
	for _, c := range calls {
		k := slices.IndexFunc(list, func(d tailCall) bool { return d.array == c.array })
		if k >= 0 && slices.ContainsFunc(calls, func(d tailCall) bool { return d.array == c.array && !d.index.isConstant() }) {
			list[k].index = list[k].index.join(c.index)
			continue
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(c, d tailCall) int {
		return cmp.Or(cmp.Compare(c.array.lo, d.array.lo), cmp.Compare(c.index.lo, d.index.lo))
	})
	for i := range list {
		list[i].joined = len(list) > 1
	}
	return list
}

// A flow is an analysis under way.
type flow struct {
	insns   asm.Instructions
	raw     []int32        // by index: the offset in the kernel's instructions
	index   []int32        // by such an offset: the index, -1 inside of one
	symbols map[string]int // indices
	to      []int32        // by index: what is jumped to or called, -1 if nothing
	leader  []int32        // by index: the block that starts there, -1 if none
	blocks  []block
	next    int // the first block that may have to be followed

	funcs     []function
	calls     map[int][]tailCall // by index
	refs      []mapID
	overrides bool
}

// A block is a row of instructions that is entered at its first one only.
type block struct {
	start int
	fn    int
	live  live
	views []view
}

// A view is what is known at the start of a block, on the ways there that have
// the same in R2 and R3 if a tail call behind it takes these.
type view struct {
	registers
	queued bool
	joins  int
}

const (
	// patience is how often what is known at a place may change before the
	// rest is given up: loops would go on counting.
	patience = 16
	// maxViews is how many views a block may have; then they become one.
	maxViews = 16
)

func newFlow(insns asm.Instructions) *flow {
	f := &flow{insns: insns, calls: make(map[int][]tailCall)}
	if len(insns) == 0 {
		return f
	}
	f.place()
	wild := f.findLeaders()
	n := 0
	for _, b := range f.leader {
		if b >= 0 {
			n++
		}
	}
	f.blocks = make([]block, 0, n)
	views := make([]view, n) // most blocks have one
	fn := 0
	for i, b := range f.leader {
		if fn+1 < len(f.funcs) && f.funcs[fn+1].start <= i {
			fn++
		}
		if b >= 0 {
			n := len(f.blocks)
			f.leader[i] = int32(n)
			f.blocks = append(f.blocks, block{start: i, fn: fn, views: views[n : n : n+1]})
		}
	}
	f.findLive()
	entry := atEntry()
	f.enter(0, &entry)
	for b := 0; wild && b < len(f.blocks); b++ {
		f.enter(f.blocks[b].start, new(registers))
	}
	return f
}

// place numbers the instructions as the kernel does.
func (f *flow) place() {
	n := len(f.insns)
	f.raw, f.index = make([]int32, n), make([]int32, 0, n+n/8)
	for i := range f.insns {
		ins := &f.insns[i]
		f.raw[i] = int32(len(f.index))
		f.index = append(f.index, int32(i))
		if ins.OpCode.IsDWordLoad() {
			f.index = append(f.index, -1)
		}
		if ins.IsLoadFromMap() {
			f.ref(ins) // also where no way leads: loading wants all maps
		}
		if s := ins.Symbol(); s != "" {
			if f.symbols == nil {
				f.symbols = make(map[string]int)
			}
			f.symbols[s] = i
		}
	}
}

// findLeaders marks where blocks start, and lists the functions. It returns
// true for a program that jumps to where a register says: then every
// instruction starts a block that anything may lead to.
func (f *flow) findLeaders() (wild bool) {
	f.leader, f.to = make([]int32, len(f.insns)), make([]int32, len(f.insns))
	for i := range f.leader {
		f.leader[i], f.to[i] = -1, -1
	}
	mark := func(i int) {
		if i >= 0 && i < len(f.leader) {
			f.leader[i] = 0
		}
	}
	mark(0)
	starts := []int{0}
	for i := range f.insns {
		ins := &f.insns[i]
		switch {
		case ins.IsFunctionReference():
			if t := f.find(i); t >= 0 {
				mark(t)
				starts = append(starts, t)
			}
		case ins.OpCode.JumpOp() == asm.InvalidJumpOp || ins.OpCode.JumpOp() == asm.Call:
		default:
			if ins.OpCode.JumpOp() == asm.Ja && ins.OpCode.Source() == asm.RegSource {
				wild = true
			}
			mark(f.find(i))
			mark(i + 1)
		}
	}
	if wild {
		clear(f.leader)
	}
	slices.Sort(starts)
	for _, s := range slices.Compact(starts) {
		f.funcs = append(f.funcs, function{start: s})
	}
	return wild
}

// target returns the index of the instruction that the one at i jumps to or
// calls, -1 if there is none.
func (f *flow) target(i int) int { return int(f.to[i]) }

// find finds and notes the target of the instruction at i.
func (f *flow) find(i int) int {
	t := f.resolve(i)
	f.to[i] = int32(t)
	return t
}

func (f *flow) resolve(i int) int {
	ins := &f.insns[i]
	delta := int64(ins.Offset)
	byName := ins.Offset == -1
	switch {
	case ins.IsFunctionReference():
		// The kernel's own copy of JITed programs has it in the offset.
		if byName = ins.Constant == -1; ins.Offset == 0 || ins.IsLoadOfFunctionPointer() {
			delta = int64(int32(ins.Constant))
		}
	case ins.OpCode.Class() == asm.Jump32Class && ins.OpCode.JumpOp() == asm.Ja:
		byName, delta = ins.Constant == -1, ins.Constant
	}
	if ref := ins.Reference(); byName && ref != "" {
		if t, ok := f.symbols[ref]; ok {
			return t
		}
		return -1 // loading will fail
	}
	if to := int64(f.raw[i]) + 1 + delta; to >= 0 && to < int64(len(f.index)) {
		return int(f.index[to])
	}
	return -1
}

// enter adds a way to the instruction at i, which starts a block.
func (f *flow) enter(i int, r *registers) {
	if i < 0 || i >= len(f.leader) {
		return
	}
	n := int(f.leader[i])
	b := &f.blocks[n]
	for k := range b.views {
		if v := &b.views[k]; k == maxViews-1 || v.alike(r, b.live) {
			if v.join(r, v.joins >= patience) {
				v.joins++
				v.queued = true
				f.next = min(f.next, n)
			}
			return
		}
	}
	b.views = append(b.views, view{registers: *r, queued: true})
	f.next = min(f.next, n)
}

// Package aimd is a TCP congestion control of additive increase and
// multiplicative decrease (AIMD), once in Go and once in C.
//
// It doubles its window each round trip until the slow start threshold, adds a
// segment each round trip from there on, and halves it after a loss. A window
// of which less than half is used doesn't grow.
package aimd

import (
	"bytes"
	_ "embed" // of the object
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx/structops"
)

//go:generate clang -O2 -g -Wall -Werror -fdebug-compilation-dir . -target bpfel -I/usr/include/x86_64-linux-gnu -c aimd.c -o aimd_bpfel.o
//go:generate llvm-strip -g aimd_bpfel.o

//go:embed aimd_bpfel.o
var object []byte

// Calls is the name of the map that counts how often each callback was called.
const Calls = "calls"

// What Calls counts, by index.
const (
	Init = iota
	Ssthresh
	CongAvoid
	UndoCwnd
	Release
	callbacks
)

// Names are the callbacks by index.
var Names = [callbacks]string{"init", "ssthresh", "cong_avoid", "undo_cwnd", "release"}

// FromC returns the congestion control that clang made of aimd.c.
func FromC(name string) (*structops.Spec, error) {
	specs, err := structops.FromReader(bytes.NewReader(object))
	if err != nil {
		return nil, err
	}
	specs[0].Name = name
	return specs[0], nil
}

// Spec returns the congestion control that is written in Go. It takes the
// offsets of fields from the running kernel.
func Spec(name string) (*structops.Spec, error) {
	t, err := structops.Lookup("tcp_congestion_ops")
	if err != nil {
		return nil, err
	}
	b := builder{t: t}
	s := &structops.Spec{
		Type: t.Name,
		Name: name,
		Funcs: map[string]*ebpf.ProgramSpec{
			"init":       b.program(Init, asm.Mov.Imm(asm.R0, 0)),
			"release":    b.program(Release, asm.Mov.Imm(asm.R0, 0)),
			"ssthresh":   b.program(Ssthresh, b.half()...),
			"undo_cwnd":  b.program(UndoCwnd, b.undo()...),
			"cong_avoid": b.program(CongAvoid, b.grow()...),
		},
		Maps: map[string]*ebpf.MapSpec{
			Calls: {Name: Calls, Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: callbacks},
		},
	}
	if b.err != nil {
		return nil, fmt.Errorf("write AIMD: %w", b.err)
	}
	return s, nil
}

// builder writes programs. err is the first error.
type builder struct {
	t   *structops.Type
	err error
}

// The registers that programs keep the socket and the context in.
const (
	context = asm.R6
	socket  = asm.R7
)

// program counts the call, loads the socket and goes on with body, which leaves
// the result in R0.
func (b *builder) program(callback int32, body ...asm.Instruction) *ebpf.ProgramSpec {
	insns := asm.Instructions{
		asm.Mov.Reg(context, asm.R1),
		asm.StoreImm(asm.R10, -4, int64(callback), asm.Word),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, 0).WithReference(Calls),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "body"),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
		b.arg(Names[callback], socket, "sk").WithSymbol("body"),
	}
	insns = append(append(insns, body...), asm.Return())
	return &ebpf.ProgramSpec{Name: "aimd_" + Names[callback], License: "GPL", Instructions: insns}
}

// half is ssthresh: half the window, but no less than two segments.
func (b *builder) half() []asm.Instruction {
	return []asm.Instruction{
		b.load(asm.R0, "snd_cwnd"),
		asm.RSh.Imm(asm.R0, 1),
		asm.JGE.Imm(asm.R0, 2, "out"),
		asm.Mov.Imm(asm.R0, 2),
		asm.Mov.Reg(asm.R0, asm.R0).WithSymbol("out"),
	}
}

// undo is undo_cwnd: the window from before the loss, if that is larger.
func (b *builder) undo() []asm.Instruction {
	return []asm.Instruction{
		b.load(asm.R0, "snd_cwnd"),
		b.load(asm.R1, "prior_cwnd"),
		asm.JGE.Reg(asm.R0, asm.R1, "out"),
		asm.Mov.Reg(asm.R0, asm.R1),
		asm.Mov.Reg(asm.R0, asm.R0).WithSymbol("out"),
	}
}

// grow is cong_avoid. R1 is the window, R2 the number of segments that were
// acknowledged, R3 the threshold or the count of those that don't make the
// window grow yet.
func (b *builder) grow() []asm.Instruction {
	return []asm.Instruction{
		b.load(asm.R1, "snd_cwnd"),
		b.load(asm.R4, "max_packets_out"),
		asm.LSh.Imm(asm.R4, 1),
		asm.JGE.Reg(asm.R1, asm.R4, "out"), // what isn't used need not grow
		b.arg("cong_avoid", asm.R2, "acked"),
		b.load(asm.R3, "snd_ssthresh"),
		asm.JGE.Reg(asm.R1, asm.R3, "linear"),

		asm.Add.Reg(asm.R1, asm.R2), // slow start
		asm.Ja.Label("clamp"),

		b.load(asm.R3, "snd_cwnd_cnt").WithSymbol("linear"),
		asm.Add.Reg(asm.R3, asm.R2),
		asm.JLT.Reg(asm.R3, asm.R1, "count"),
		asm.Sub.Reg(asm.R3, asm.R1),
		asm.Add.Imm(asm.R1, 1),
		b.store("snd_cwnd_cnt", asm.R3).WithSymbol("count"),

		b.load(asm.R4, "snd_cwnd_clamp").WithSymbol("clamp"),
		asm.JLE.Reg(asm.R1, asm.R4, "set"),
		asm.Mov.Reg(asm.R1, asm.R4),
		b.store("snd_cwnd", asm.R1).WithSymbol("set"),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
	}
}

// arg loads an argument of a callback.
func (b *builder) arg(callback string, to asm.Register, name string) asm.Instruction {
	c, err := b.t.Ctx(callback)
	b.note(err)
	ins, err := c.Arg(to, context, name)
	b.note(err)
	return ins
}

// load loads a field of the socket.
func (b *builder) load(to asm.Register, field string) asm.Instruction {
	f, err := structops.Field("tcp_sock", field)
	b.note(err)
	ins, err := f.Load(to, socket)
	b.note(err)
	return ins
}

// store sets a field of the socket.
func (b *builder) store(field string, from asm.Register) asm.Instruction {
	f, err := structops.Field("tcp_sock", field)
	b.note(err)
	ins, err := f.Store(socket, from)
	b.note(err)
	return ins
}

func (b *builder) note(err error) {
	if b.err == nil {
		b.err = err
	}
}

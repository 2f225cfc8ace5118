package tailcall_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx/tailcall"
)

func TestFindings(t *testing.T) {
	last := xdp("last", 1)
	for _, tt := range []struct {
		name string
		spec *tailcall.Spec
		want []string
	}{
		{"fine", row(3), nil},
		{"as long as can be", row(33), nil},
		{"one too many", row(34), []string{
			`error: program "stagebh": no fewer than 34 tail calls lead here: the kernel follows 33, the next one falls through`,
		}},
		{"nil", nil, []string{"error: nil spec"}},
		{"empty", &tailcall.Spec{}, []string{
			"error: Entry is nil: say which program is to be attached",
			"error: Map is empty: name the array as programs refer to it",
			"error: the array has no slots: set MaxEntries or Slots",
		}},
		{"empty slot", &tailcall.Spec{Map: "jump", MaxEntries: 4, Entry: xdp("entry", 0, call("jump", to(3))), Slots: slots(last)}, []string{
			`error: program "entry", instruction 5, array "jump", slot 3: tail call falls through: the slot is empty; fill it, or make it Optional`,
			`warning: program "last", array "jump", slot 0: no call leads here from the entry`,
		}},
		{"optional slot", &tailcall.Spec{Map: "jump", MaxEntries: 4, Entry: xdp("entry", 0, call("jump", to(3))), Slots: []tailcall.Slot{
			{Index: 0, Program: last, Optional: true}, {Index: 3, Optional: true},
		}}, nil},
		{"out of range", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(1)), call("jump", to(0))), Slots: slots(last)}, []string{
			`error: program "entry", instruction 5, array "jump": tail call of slot 1 falls through: the array has 1 slots`,
		}},
		{"negative index", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(-1))), Slots: slots(last)}, []string{
			`error: program "entry", instruction 5, array "jump": tail call of slot 4294967295 falls through: the array has 1 slots`,
			`warning: program "last", array "jump", slot 0: no call leads here from the entry`,
		}},
		{"bad slots", &tailcall.Spec{Map: "jump", MaxEntries: 2, Entry: xdp("entry", 0, call("jump", to(0)), call("jump", to(1))), Slots: []tailcall.Slot{
			{Index: 0, Program: last}, {Index: 0, Program: xdp("again", 1)}, {Index: 1}, {Index: 2, Program: xdp("far", 1)},
		}}, []string{
			`error: program "again", array "jump", slot 0: the slot has program "last" already`,
			`error: array "jump", slot 1: nil program: set it, or Optional if calls may fall through`,
			`error: program "entry", instruction 10, array "jump", slot 1: tail call falls through: the slot is empty; fill it, or make it Optional`,
			`error: program "far", array "jump", slot 2: the array has 2 slots, from 0 to 1`,
			`warning: program "far", array "jump", slot 2: no call leads here from the entry`,
		}},
		{"not an array", &tailcall.Spec{
			Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(last), Nested: []tailcall.Array{{Map: "jump", Slots: slots(last)}, {Slots: slots(last)}},
			Collection: &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"jump": {Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1}}},
			Others:     []*ebpf.ProgramSpec{nil},
		}, []string{
			`error: Others[0] is nil`,
			`error: Nested[1] has no name`,
			`error: array "jump": the collection has a Hash of this name: it must be a ProgramArray`,
			`error: array "jump": two arrays have this name`,
			`error: array "jump": the collection has a Hash of this name: it must be a ProgramArray`,
			`warning: program "last": no call leads here from the entry`,
			`warning: program "last", array "jump", slot 0: no call leads here from the entry`,
		}},
		{"missing map", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0)), asm.Instructions{asm.LoadMapPtr(asm.R1, 0).WithReference("counts")}), Slots: slots(last)}, []string{
			`error: program "entry": it refers to map "counts", which is neither an array of the chain nor in Collection`,
		}},
		{"array of the collection", &tailcall.Spec{
			Map: "jump", Entry: xdp("entry", 0, call("jump", to(0)), call("other", to(0))), Slots: slots(last),
			Collection: &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"other": {Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1}}},
		}, []string{
			`error: program "entry": it refers to program array "other" of Collection, which is not in Nested`,
			`warning: program "entry", instruction 10: tail call through an array that isn't one of the chain: whether it falls through can't be checked`,
		}},
		{"sizes", &tailcall.Spec{
			Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(last),
			Collection: &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"jump": {Type: ebpf.ProgramArray, KeySize: 8, ValueSize: 4, MaxEntries: 1}}},
		}, []string{
			`error: array "jump": keys of 8 and values of 4 bytes: a program array has 4 and 4`,
		}},
		{"device and override", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0)), asm.Instructions{asm.FnOverrideReturn.Call()}), Slots: slots(
			&ebpf.ProgramSpec{Name: "bound", Type: ebpf.XDP, Flags: 1 << 6, License: "GPL"},
		)}, []string{
			`error: program "bound", array "jump": it is bound to a device: the kernel takes no such program in an array`,
			`error: program "entry", array "jump": it calls bpf_override_return: the kernel takes no such program in an array, nor for a caller`,
		}},
		{"names", &tailcall.Spec{Map: "jump", Entry: xdp("same", 0, call("jump", to(0))), Others: []*ebpf.ProgramSpec{xdp("same", 0, call("jump", to(3)))}, Slots: slots(
			xdp("same", 0, call("jump", to(4))), xdp("", 0, call("jump", to(5))),
		)}, []string{
			`error: program "jump[1]", instruction 5, array "jump": tail call of slot 5 falls through: the array has 2 slots`,
			`error: program "same (jump[0])", instruction 5, array "jump": tail call of slot 4 falls through: the array has 2 slots`,
			`error: program "same (other 1)", instruction 5, array "jump": tail call of slot 3 falls through: the array has 2 slots`,
			`warning: program "jump[1]", array "jump", slot 1: no call leads here from the entry`,
		}},
		{"types", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(
			&ebpf.ProgramSpec{Name: "tc", Type: ebpf.SchedCLS, License: "GPL"},
		)}, []string{
			`error: program "tc", array "jump": type SchedCLS instead of XDP, but program "entry" was first in the array: the kernel refuses both in one`,
		}},
		{"attach type and frags", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(
			&ebpf.ProgramSpec{Name: "frags", Type: ebpf.XDP, AttachType: ebpf.AttachXDP, Flags: 1 << 5, License: "GPL"},
		)}, []string{
			`error: program "frags", array "jump": one of them has xdp.frags, but program "entry" was first in the array: the kernel refuses both in one`,
			`warning: program "frags", array "jump": attach type XDP instead of None, but program "entry" was first in the array: kernels from 6.18 on, and older ones with later fixes, refuse both in one`,
		}},
		{"extension", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(
			&ebpf.ProgramSpec{Name: "ext", Type: ebpf.Extension, License: "GPL"},
		)}, []string{
			`error: program "ext", array "jump": programs of type Extension can't be in a slot`,
			`error: program "ext", array "jump": type Extension instead of XDP, but program "entry" was first in the array: the kernel refuses both in one`,
		}},
		{"licences", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(
			&ebpf.ProgramSpec{Name: "closed", Type: ebpf.XDP, License: "Proprietary"},
		)}, []string{
			`hint: program "closed": its licence, "Proprietary", is not GPL compatible, but that of program "entry" is`,
		}},
		{"cycle", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0))), Slots: slots(
			xdp("ping", 0, call("jump", to(1))), xdp("pong", 0, call("jump", to(0))),
		)}, []string{
			`warning: program "ping": tail calls in a circle (ping, pong): the kernel stops it after 33 calls, and the last one falls through, unless the programs end it before`,
		}},
		{"foreign array", &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", to(0)), asm.Instructions{
			asm.Mov.Reg(asm.R1, asm.R6), asm.LoadMapPtr(asm.R2, 99), asm.Mov.Imm(asm.R3, 0), asm.FnTailCall.Call(),
			asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, 0), asm.Mov.Imm(asm.R3, 0), asm.FnTailCall.Call(),
		}), Slots: slots(last)}, []string{
			`warning: program "entry", instruction 10: tail call through an array that isn't one of the chain: whether it falls through can't be checked`,
			`warning: program "entry", instruction 14: tail call through an array that can't be told: whether it falls through can't be checked`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.spec.Findings()
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), got.String()); diff != "" {
				t.Errorf("Findings() (-want +got):\n%s", diff)
			}
			err := tt.spec.Check()
			var check *tailcall.CheckError
			if n := len(got.AtLeast(tailcall.Error)); (n > 0) != errors.As(err, &check) || n > 0 && len(check.Findings) != n {
				t.Errorf("Check() = %v, want %d errors", err, n)
			}
		})
	}
}

// TestIndex tells of what indices more is known than that they vary.
func TestIndex(t *testing.T) {
	byte0 := asm.LoadMem(asm.R3, asm.R6, 0, asm.Byte)
	for _, tt := range []struct {
		name      string
		index     asm.Instructions
		low, high uint32
	}{
		{"constant", asm.Instructions{to(2)}, 2, 2},
		{"64-bit constant", asm.Instructions{asm.LoadImm(asm.R3, 1<<32|2, asm.DWord)}, 2, 2},
		{"copied", asm.Instructions{asm.Mov.Imm(asm.R7, 3), asm.Mov.Reg(asm.R3, asm.R7)}, 3, 3},
		{"computed", asm.Instructions{to(5), asm.Add.Imm(asm.R3, 3), asm.RSh.Imm(asm.R3, 1), asm.Sub.Imm(asm.R3, 1), asm.Xor.Imm(asm.R3, 1)}, 2, 2},
		{"wrapped", asm.Instructions{to(-1), asm.Add.Imm32(asm.R3, 2)}, 1, 1},
		{"word", asm.Instructions{asm.LoadMem(asm.R3, asm.R6, 0, asm.Word)}, 0, 1<<32 - 1},
		{"sign-extended byte", asm.Instructions{asm.LoadMemSX(asm.R3, asm.R6, 0, asm.Byte)}, 0, 1<<32 - 1},
		{"byte", asm.Instructions{byte0}, 0, 255},
		{"masked", asm.Instructions{byte0, asm.And.Imm(asm.R3, 7)}, 0, 7},
		{"modulo", asm.Instructions{asm.LoadMem(asm.R3, asm.R6, 0, asm.Word), asm.Mod.Imm(asm.R3, 5)}, 0, 4},
		{"shifted", asm.Instructions{byte0, asm.RSh.Imm(asm.R3, 4), asm.Add.Imm(asm.R3, 1)}, 1, 16},
		{"compared", asm.Instructions{byte0, asm.JGT.Imm(asm.R3, 3, "out")}, 0, 3},
		{"compared 32", asm.Instructions{asm.LoadMem(asm.R3, asm.R6, 0, asm.Word), asm.JGE.Imm32(asm.R3, 3, "out")}, 0, 2},
		{"equal", asm.Instructions{byte0, asm.JNE.Imm(asm.R3, 4, "out")}, 4, 4},
		{"same on both ways", asm.Instructions{asm.Mov.Imm(asm.R3, 1), asm.JEq.Imm(asm.R1, 0, "x"), asm.Mov.Imm(asm.R3, 1), asm.Mov.Imm(asm.R8, 0).WithSymbol("x")}, 1, 1},
		{"clobbered", asm.Instructions{to(1), asm.FnKtimeGetNs.Call()}, 0, 1<<32 - 1},
		{"counted", asm.Instructions{asm.Mov.Imm(asm.R3, 0), asm.Add.Imm(asm.R3, 1).WithSymbol("loop"), asm.JLT.Reg(asm.R3, asm.R6, "loop")}, 0, 1<<32 - 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entry := xdp("entry", 0, call("jump", tt.index...), asm.Instructions{asm.Mov.Imm(asm.R7, 0).WithSymbol("out")})
			g := (&tailcall.Spec{Map: "jump", MaxEntries: 300, Entry: entry}).Graph()
			if len(g.Edges) != 1 {
				t.Fatalf("got %d edges, want 1", len(g.Edges))
			}
			if e := g.Edges[0]; e.Low != tt.low || e.High != tt.high || e.Array != "jump" {
				t.Errorf("index of %s is from %d to %d, want %d to %d", e.Array, e.Low, e.High, tt.low, tt.high)
			}
		})
	}
}

// TestJoined has one instruction make two calls, as compilers like it.
func TestJoined(t *testing.T) {
	entry := xdp("entry", 0,
		asm.Instructions{
			asm.LoadMapPtr(asm.R2, 0).WithReference("jump"), asm.Mov.Imm(asm.R3, 0),
			asm.JEq.Imm(asm.R1, 0, "call"),
			asm.LoadMapPtr(asm.R2, 0).WithReference("verdicts"), asm.Mov.Imm(asm.R3, 1),
			asm.FnTailCall.Call().WithSymbol("call"),
		})
	s := &tailcall.Spec{
		Map: "jump", Entry: entry, Slots: slots(xdp("parse", 0)),
		Nested: []tailcall.Array{{Map: "verdicts", MaxEntries: 2, Slots: slots(xdp("drop", 0))}},
	}
	want := `error: program "entry", instruction 8, array "verdicts", slot 1: tail call falls through: the slot is empty; fill it, or make it Optional
warning: program "drop", array "verdicts", slot 0: no call leads here from the entry
hint: program "entry", instruction 8: several tail calls were joined in one: about three times slower than one with a constant index each; bpf_tail_call_static keeps them apart`
	if diff := cmp.Diff(want, s.Findings().String()); diff != "" {
		t.Errorf("Findings() (-want +got):\n%s", diff)
	}
}

// TestVariable tells what is found of calls whose index varies.
func TestVariable(t *testing.T) {
	byte0 := asm.LoadMem(asm.R3, asm.R6, 0, asm.Byte)
	a, b := xdp("a", 0), xdp("b", 0)
	const slow = `hint: program "entry", instruction %d, array "jump": tail call with %s: about three times slower than one with a constant index`
	for _, tt := range []struct {
		name  string
		max   uint32
		slots []tailcall.Slot
		index asm.Instructions
		want  []string
	}{
		{"all are filled", 2, slots(a, b), asm.Instructions{byte0, asm.And.Imm(asm.R3, 1)}, []string{
			fmt.Sprintf(slow, 6, "an index from 0 to 1"),
		}},
		{"one is empty", 2, slots(a), asm.Instructions{byte0, asm.And.Imm(asm.R3, 1)}, []string{
			`warning: program "entry", instruction 6, array "jump": tail call with an index from 0 to 1 may fall through: slot 1 is empty`,
			fmt.Sprintf(slow, 6, "an index from 0 to 1"),
		}},
		{"optional", 4, []tailcall.Slot{{Index: 0, Optional: true}, {Index: 1, Program: a}, {Index: 2, Optional: true}, {Index: 3, Optional: true, Program: b}}, asm.Instructions{byte0, asm.And.Imm(asm.R3, 3)}, []string{
			fmt.Sprintf(slow, 6, "an index from 0 to 3"),
		}},
		{"gaps", 64, []tailcall.Slot{{Index: 3, Program: a}, {Index: 5, Program: a}, {Index: 9, Program: a}, {Index: 20, Program: b}, {Index: 40, Program: b}}, asm.Instructions{byte0, asm.And.Imm(asm.R3, 63)}, []string{
			`warning: program "entry", instruction 6, array "jump": tail call with an index from 0 to 63 may fall through: 59 slots are empty: 0-2, 4, 6-8, 10-19, ...`,
			fmt.Sprintf(slow, 6, "an index from 0 to 63"),
		}},
		{"none is filled", 4, nil, asm.Instructions{byte0, asm.And.Imm(asm.R3, 1)}, []string{
			`error: program "entry", instruction 6, array "jump": tail call always falls through: all slots that it may call are empty; fill one, or make one Optional`,
			fmt.Sprintf(slow, 6, "an index from 0 to 1"),
		}},
		{"beyond", 2, slots(a, b), asm.Instructions{byte0, asm.Add.Imm(asm.R3, 2)}, []string{
			`error: program "entry", instruction 6, array "jump": tail call with an index from 2 to 257 always falls through: the array has 2 slots`,
			`warning: program "a", array "jump", slot 0: no call leads here from the entry`,
			`warning: program "b", array "jump", slot 1: no call leads here from the entry`,
			fmt.Sprintf(slow, 6, "an index from 2 to 257"),
		}},
		{"any", 3, slots(a, b), asm.Instructions{asm.LoadMem(asm.R3, asm.R6, 0, asm.Word)}, []string{
			`hint: program "entry", instruction 5, array "jump": tail call with a variable index may fall through: slot 2 is empty`,
			`hint: program "entry", instruction 5, array "jump": tail call falls through if its index is over 2`,
			fmt.Sprintf(slow, 5, "a variable index"),
		}},
		{"perhaps a circle", 1, slots(xdp("again", 0, call("jump", asm.LoadMem(asm.R3, asm.R6, 0, asm.Word)))), asm.Instructions{to(0)}, []string{
			`hint: program "again": tail calls in a circle (again): their indices vary, so it may never happen`,
			`hint: program "again", instruction 5, array "jump": tail call falls through if its index is over 0`,
			`hint: program "again", instruction 5, array "jump": tail call with a variable index: about three times slower than one with a constant index`,
		}},
		{"circle", 1, slots(xdp("again", 0, call("jump", asm.LoadMem(asm.R3, asm.R6, 0, asm.Byte), asm.And.Imm(asm.R3, 0)), call("jump", asm.LoadMem(asm.R3, asm.R6, 0, asm.Word)))), asm.Instructions{to(0)}, []string{
			`warning: program "again": tail calls in a circle (again): the kernel stops it after 33 calls, and the last one falls through, unless the programs end it before`,
			`hint: program "again", instruction 11, array "jump": tail call falls through if its index is over 0`,
			`hint: program "again", instruction 11, array "jump": tail call with a variable index: about three times slower than one with a constant index`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &tailcall.Spec{Map: "jump", MaxEntries: tt.max, Entry: xdp("entry", 0, call("jump", tt.index...)), Slots: tt.slots}
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), s.Findings().String()); diff != "" {
				t.Errorf("Findings() (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStorages wants programs refused for the cgroup storage that the owner of
// the array doesn't use, and not for what it uses besides.
func TestStorages(t *testing.T) {
	storage := func(typ ebpf.MapType, name string) *ebpf.MapSpec {
		return &ebpf.MapSpec{Name: name, Type: typ, KeySize: 16, ValueSize: 8}
	}
	skb := func(name string, jump asm.Instructions, maps ...string) *ebpf.ProgramSpec {
		p := xdp(name, 1, jump)
		for _, m := range maps {
			p.Instructions = append(asm.Instructions{asm.LoadMapPtr(asm.R1, 0).WithReference(m)}, p.Instructions...)
		}
		p.Type = ebpf.CGroupSKB
		return p
	}
	for _, tt := range []struct {
		name          string
		entry, callee []string
		want          string
	}{
		{"the same", []string{"a", "b"}, []string{"b", "a"}, ""},
		{"one of two", []string{"a", "b"}, []string{"a"}, ""},
		{"none", []string{"a", "b"}, nil, ""},
		{"another", []string{"a"}, []string{"b"}, `error: program "end", array "jump": it uses cgroup storage b, but program "entry", which was first in the array, uses a`},
		{"one more", []string{"a"}, []string{"a", "b"}, `error: program "end", array "jump": it uses cgroup storage a and b, but program "entry", which was first in the array, uses a`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &tailcall.Spec{
				Map: "jump", Entry: skb("entry", call("jump", to(0)), tt.entry...), Slots: slots(skb("end", nil, tt.callee...)),
				Collection: &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"a": storage(ebpf.CGroupStorage, "a"), "b": storage(ebpf.PerCPUCGroupStorage, "b")}},
			}
			if diff := cmp.Diff(tt.want, s.Findings().String()); diff != "" {
				t.Errorf("Findings() (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRelocated wants nothing taken for known that loading changes: constants of
// CO-RE, and addresses of what the kernel may not have.
func TestRelocated(t *testing.T) {
	core := func(ins asm.Instruction) asm.Instruction {
		return btf.WithCORERelocationMetadata(ins, new(btf.CORERelocation))
	}
	for _, tt := range []struct {
		name string
		set  asm.Instruction // puts 0 into R7, as far as the object file knows
		want string
	}{
		{"constant", asm.Mov.Imm(asm.R7, 0), `warning: program "end", array "jump", slot 0: no call leads here from the entry`},
		{"does a field exist", core(asm.Mov.Imm(asm.R7, 0)), ""},
		{"value of an enum", core(asm.LoadImm(asm.R7, 0, asm.DWord)), ""},
		{"weak symbol", asm.LoadImm(asm.R7, 0, asm.DWord).WithReference("bpf_new_function"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &tailcall.Spec{Map: "jump", Slots: slots(xdp("end", 1)), Entry: xdp("entry", 0,
				asm.Instructions{tt.set, asm.JEq.Imm(asm.R7, 0, "old")}, call("jump", to(0)),
				asm.Instructions{asm.Mov.Imm(asm.R7, 0).WithSymbol("old")})}
			if diff := cmp.Diff(tt.want, s.Findings().String()); diff != "" {
				t.Errorf("Findings() (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLength tells chains that can't work from those that may, by how their
// programs choose: each calls the next, or one of those behind it.
func TestLength(t *testing.T) {
	const n = 40
	variable := func(i int32) asm.Instructions { // from i to n-1
		return call("jump", asm.LoadMem(asm.R3, asm.R6, 0, asm.Word), asm.JLT.Imm(asm.R3, i, "out"), asm.JGE.Imm(asm.R3, n, "out"))
	}
	for _, tt := range []struct {
		name string
		body func(next int32) asm.Instructions
		any  bool // the entry calls any
		want string
	}{
		{"always the next", func(i int32) asm.Instructions { return call("jump", to(i)) }, false,
			`error: program "stagebh": no fewer than 34 tail calls lead here: the kernel follows 33, the next one falls through`},
		{"the next, or the tenth", func(i int32) asm.Instructions {
			return append(append(asm.Instructions{asm.LoadMem(asm.R1, asm.R6, 0, asm.Word), asm.JEq.Imm(asm.R1, 0, "far")}, call("jump", to(i))...),
				append(asm.Instructions{asm.Mov.Imm(asm.R1, 0).WithSymbol("far")}, call("jump", to(min(i+9, n-1)))...)...)
		}, false, `warning: program "entry": a path of 40 tail calls starts here and ends in "stagebn": the kernel follows 33, the next one falls through, unless the programs end it before`},
		{"one of those behind", variable, false,
			`hint: program "entry": a path of 40 tail calls starts here and ends in "stagebn": the kernel follows 33, the next one falls through; indices vary, so it may never happen`},
		{"the entry any", func(i int32) asm.Instructions { return call("jump", to(i)) }, true,
			`hint: program "entry": a path of 40 tail calls starts here and ends in "stagebn": the kernel follows 33, the next one falls through; indices vary, so it may never happen`},
		{"an unknown array", func(i int32) asm.Instructions {
			return append(append(asm.Instructions{asm.Mov.Imm(asm.R3, 0)}, asm.LoadMapPtr(asm.R2, 99), asm.FnTailCall.Call()), call("jump", to(i))...)
		}, false, `warning: program "entry": a path of 40 tail calls starts here and ends in "stagebn": the kernel follows 33, the next one falls through, unless the programs end it before`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := asm.Instructions{asm.Mov.Imm(asm.R7, 0).WithSymbol("out")}
			s := &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, tt.body(0), out)}
			if tt.any {
				s.Entry = xdp("entry", 0, variable(0), out)
			}
			for i := range int32(n) {
				body := tt.body(i + 1)
				if i >= n-1 {
					body = nil
				}
				s.Slots = append(s.Slots, tailcall.Slot{Index: uint32(i), Program: xdp("stage"+string('a'+i/26)+string('a'+i%26), 0, body, out)})
			}
			var got []string
			for _, f := range s.Findings() {
				if f.Kind == tailcall.TooLong {
					got = append(got, f.String())
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("Findings() (-want +got):\n%s", diff)
			}
		})
	}
	// A row that nothing leads to is only that.
	s := row(40)
	s.Entry = xdp("entry", 0, call("jump", to(39)))
	for _, f := range s.Findings() {
		if f.Kind != tailcall.Unreachable {
			t.Errorf("finding %v of a row that nothing leads to", f)
		}
	}
}

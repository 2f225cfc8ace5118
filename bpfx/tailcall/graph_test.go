package tailcall_test

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx/tailcall"
)

// elaborate is a chain with all that a graph can show: a nested array, a
// variable index, an empty slot, a circle, a program that is called twice, one
// that isn't reached, and a further entry.
func elaborate() *tailcall.Spec {
	parse := xdp("parse", 0,
		call("jump", to(1)), call("jump", to(2)), call("jump", to(5)),
		call("verdicts", asm.LoadMem(asm.R3, asm.R6, 0, asm.Byte)))
	vlan := xdp("vlan", 0, call("jump", to(0)))
	ipv4 := xdp("ipv4", 0, call("verdicts", to(0)))
	return &tailcall.Spec{
		Map: "jump", MaxEntries: 8, Entry: xdp("entry", 0, call("jump", to(0))),
		Others: []*ebpf.ProgramSpec{xdp("devmap", 0, call("jump", to(2)))},
		Slots: []tailcall.Slot{
			{Index: 0, Program: parse}, {Index: 1, Program: vlan}, {Index: 2, Program: ipv4}, {Index: 7, Program: xdp("spare", 2)},
		},
		Nested: []tailcall.Array{{Map: "verdicts", MaxEntries: 256, Slots: slots(xdp("drop", 1), xdp("pass", 2))}},
	}
}

func TestGraphString(t *testing.T) {
	want := strings.TrimPrefix(`
entry (XDP)
└─ parse  <- jump[0], instruction 5
   ├─ vlan  <- jump[1], instruction 5
   │  └─ parse  <- jump[0], instruction 5 (a circle)
   ├─ ipv4  <- jump[2], instruction 10
   │  └─ drop  <- verdicts[0], instruction 5
   ├─ nothing  <- jump[5], instruction 15
   ├─ drop  <- verdicts[0], variable, instruction 20
   └─ pass  <- verdicts[1], variable, instruction 20
devmap (XDP)
└─ ipv4  <- jump[2], instruction 5 (see above)
not reached:
  spare`, "\n")
	if diff := cmp.Diff(want, elaborate().Graph().String()); diff != "" {
		t.Errorf("String() (-want +got):\n%s", diff)
	}
}

func TestGraphDOT(t *testing.T) {
	want := strings.TrimPrefix(`
digraph chain {
	rankdir=LR;
	node [shape=box];
	n0 [label="entry", penwidth=2];
	n1 [label="a"];
	n2 [label="b"];
	n0 -> n1 [label="jump[0], instruction 6"];
	n1 -> n1 [label="jump[0], variable, instruction 6", style=dashed];
	n1 -> n2 [label="jump[1], variable, instruction 6", style=dashed];
	x3 [label="nothing", shape=plaintext];
	n2 -> x3 [label="jump[2], instruction 6", style=dotted];
}
`, "\n")
	nop := asm.Mov.Imm(asm.R7, 0)
	s := &tailcall.Spec{Map: "jump", Entry: xdp("entry", 0, call("jump", nop, to(0))), Slots: slots(
		xdp("a", 0, call("jump", nop, asm.LoadMem(asm.R3, asm.R6, 0, asm.Word))), xdp("b", 0, call("jump", nop, to(2))),
	)}
	if diff := cmp.Diff(want, s.Graph().DOT()); diff != "" {
		t.Errorf("DOT() (-want +got):\n%s", diff)
	}
}

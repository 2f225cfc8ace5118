package structops_test

import (
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx/structops"
)

// All that is wrong with a congestion control, found without the kernel that it
// is for.
func ExampleValidate() {
	two := &ebpf.ProgramSpec{License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}}
	spec := &structops.Spec{
		Type:  "tcp_congestion_ops",
		Name:  "my-own",
		Funcs: map[string]*ebpf.ProgramSpec{"ssthresh": two, "cong_control": two, "tso_segs": two},
	}
	raw, err := os.ReadFile("testdata/5.10.btf")
	if err != nil {
		fmt.Println(err)
		return
	}
	types, err := structops.ParseTypes(raw, "5.10")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(structops.Validate(spec, types[0]))
	// Output:
	// validate tcp_congestion_ops "my-own" on Linux 5.10: 4 findings
	// 	cong_avoid: the kernel requires it: it grows snd_cwnd after acked packets were acknowledged; needed even with cong_control; no longer from 6.0 on; if this is a vendor's kernel that is newer than its number, set Spec.Kernel [missing]
	// 	name: "my-own" has other characters than A-Z a-z 0-9 _ . [name]
	// 	tso_segs: tcp_congestion_ops has no such member (nearest: min_tso_segs) [unknown]
	// 	undo_cwnd: the kernel requires it: it returns snd_cwnd after a loss turned out to be none, in segments [missing]
}

// A function of the kernel, as C shows it.
func ExampleParseTypes() {
	raw, err := os.ReadFile("testdata/6.18.btf")
	if err != nil {
		fmt.Println(err)
		return
	}
	types, err := structops.ParseTypes(raw, "6.18")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range types {
		if m, ok := t.Member("enqueue"); ok {
			fmt.Println(t.Name, m)
		}
	}
	// Output:
	// Qdisc_ops int (*enqueue)(struct sk_buff *skb, struct Qdisc *sch, struct sk_buff **to_free)
	// sched_ext_ops void (*enqueue)(struct task_struct *p, u64 enq_flags)
}

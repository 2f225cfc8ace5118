package structops

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// A change is done to a congestion control that is right.
type change struct {
	name string
	do   func(*Spec)
	// rule is what it breaks, "" if nothing. It is that of the kernels since
	// and until: outside of them the change breaks nothing, or, if other is set,
	// that rule.
	rule         Rule
	since, until string
	other        Rule
	// kernel says that a kernel that this package's rule refuses accepts it.
	ours bool
}

// breaks returns the rule that the change breaks in a kernel.
func (c change) breaks(kernel string) Rule {
	if kernel != "" && (!atLeast(kernel, c.since) || c.until != "" && atLeast(kernel, c.until)) {
		return c.other
	}
	return c.rule
}

func set(member string, p *ebpf.ProgramSpec) func(*Spec) {
	return func(s *Spec) { s.Funcs[member] = p }
}

func put(member string, v any) func(*Spec) {
	return func(s *Spec) { s.Data[member] = v }
}

func drop(members ...string) func(*Spec) {
	return func(s *Spec) {
		for _, m := range members {
			delete(s.Funcs, m)
		}
	}
}

// readsArg is a program that reads an argument, counted from 0.
func readsArg(n int) *ebpf.ProgramSpec {
	return program(asm.LoadMem(asm.R0, asm.R1, int16(8*n), asm.DWord), asm.Mov.Imm(asm.R0, 0), asm.Return())
}

// helperCall is a program that calls a helper of a socket, with arguments that
// fit bpf_setsockopt(sk, IPPROTO_TCP, TCP_NODELAY, &one, 4).
func helperCall(fn asm.BuiltinFunc) *ebpf.ProgramSpec {
	return program(
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
		asm.StoreImm(asm.R10, -4, 1, asm.Word),
		asm.Mov.Imm(asm.R2, 6),
		asm.Mov.Imm(asm.R3, 1),
		asm.Mov.Reg(asm.R4, asm.R10),
		asm.Add.Imm(asm.R4, -4),
		asm.Mov.Imm(asm.R5, 4),
		fn.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	)
}

// kfuncCall is a program that calls tcp_reno_undo_cwnd(sk).
func kfuncCall(call asm.Instruction) *ebpf.ProgramSpec {
	return program(asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), call, asm.Return())
}

// waitsForTxStart is a cwnd_event that compares the event with 0.
func waitsForTxStart() *ebpf.ProgramSpec {
	return program(
		asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord),
		asm.Mov.Reg32(asm.R3, asm.R2),
		asm.JNE.Imm32(asm.R3, 0, "out"),
		asm.Mov.Imm(asm.R0, 1),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	)
}

func withFlags(p *ebpf.ProgramSpec, flags uint32) *ebpf.ProgramSpec {
	p.Flags = flags
	return p
}

func licensed(p *ebpf.ProgramSpec, license string) *ebpf.ProgramSpec {
	p.License = license
	return p
}

// described gives a program BTF of a function with this many arguments.
func described(p *ebpf.ProgramSpec, ret btf.Type, args int) *ebpf.ProgramSpec {
	u32 := &btf.Int{Name: "unsigned int", Size: 4}
	proto := &btf.FuncProto{Return: ret}
	for range args {
		proto.Params = append(proto.Params, btf.FuncParam{Name: "a", Type: u32})
	}
	p.Instructions[0] = btf.WithFuncMetadata(p.Instructions[0].WithSymbol("f"), &btf.Func{Name: "f", Type: proto, Linkage: btf.GlobalFunc})
	return p
}

// noReturn ends without having set R0.
func noReturn() *ebpf.ProgramSpec { return program(asm.Mov.Imm(asm.R2, 0), asm.Return()) }

// changes are the single ways of breaking a congestion control, and of changing
// it without breaking it.
func changes() []change {
	u32 := &btf.Int{Name: "unsigned int", Size: 4}
	reno := asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: 1}
	if call, err := Kfunc("tcp_reno_undo_cwnd"); err == nil {
		reno = call
	}
	return []change{
		{name: "no ssthresh", do: drop("ssthresh"), rule: RuleMissing},
		{name: "no undo_cwnd", do: drop("undo_cwnd"), rule: RuleMissing},
		{name: "no cong_avoid", do: drop("cong_avoid"), rule: RuleMissing},
		{name: "cong_control instead", do: func(s *Spec) { drop("cong_avoid")(s); set("cong_control", nothing())(s) }, rule: RuleMissing, until: "6.0"},
		{name: "cong_control besides", do: set("cong_control", nothing())},
		{name: "get_info", do: set("get_info", returns(0)), rule: RuleUnsupported},
		{name: "data as function", do: set("flags", nothing()), rule: RuleKind},
		{name: "function as data", do: put("init", uint64(0)), rule: RuleKind, ours: true},
		{name: "unknown member", do: set("sstresh", returns(1)), rule: RuleUnknown},
		{name: "cwnd_event_tx_start", do: set("cwnd_event_tx_start", nothing()), rule: RuleUnknown, until: "7.1"},
		{name: "no program", do: set("init", nil), rule: RuleProgram},
		{name: "no instructions", do: set("init", program()), rule: RuleProgram},
		{name: "other type", do: set("init", &ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: nothing().Instructions}), rule: RuleProgram, ours: true},
		{name: "licence", do: set("init", licensed(nothing(), "MIT")), rule: RuleLicense},
		{name: "sleepable", do: set("init", withFlags(nothing(), sleepable)), rule: RuleSleepable, ours: true},
		{name: "return unset", do: set("ssthresh", noReturn()), rule: RuleReturnUnset},
		{name: "void return unset", do: set("init", noReturn())},
		{name: "second argument of one", do: set("ssthresh", readsArg(1)), rule: RuleArity},
		{name: "third argument of two", do: set("cwnd_event", readsArg(2)), rule: RuleArity},
		{name: "second argument of two", do: set("cwnd_event", readsArg(1))},
		{name: "fourth argument of cong_control", do: set("cong_control", readsArg(3)), rule: RuleArity, until: "6.10"},
		{name: "BTF of three arguments", do: set("init", described(nothing(), u32, 3)), rule: RuleArity, ours: true},
		{name: "BTF of one argument", do: set("init", described(nothing(), u32, 1))},
		{name: "BTF returns nothing", do: set("min_tso_segs", described(returns(1), &btf.Void{}, 1)), rule: RuleReturn, ours: true},
		{name: "empty name", do: func(s *Spec) { s.Name = "" }, rule: RuleName},
		{name: "name of 16", do: func(s *Spec) { s.Name = "bpfx_0123456789a" }, rule: RuleName},
		{name: "name of 15", do: func(s *Spec) { s.Name = "bpfx_0123456789" }},
		{name: "name with dash", do: func(s *Spec) { s.Name = "bpfx-diff" }, rule: RuleName},
		{name: "name with dot", do: func(s *Spec) { s.Name = "bpfx.diff" }},
		{name: "flags 0x3", do: put("flags", 3)},
		{name: "flags 0x80000000", do: put("flags", uint32(1)<<31), rule: RuleFlags},
		{name: "flags of 40 bits", do: put("flags", uint64(1)<<40), rule: RuleValue},
		{name: "flags of text", do: put("flags", "3"), rule: RuleValue},
		{name: "owner", do: put("owner", uint64(1)), rule: RuleZero},
		{name: "key", do: put("key", uint32(7)), rule: RuleZero},
		{name: "list", do: put("list", []byte{15: 1}), rule: RuleZero},
		{name: "zero key", do: put("key", uint32(0))},
		{name: "release calls setsockopt", do: set("release", helperCall(asm.FnSetsockopt)), rule: RuleHelper},
		{name: "set_state calls setsockopt", do: set("set_state", helperCall(asm.FnSetsockopt)), rule: RuleHelper, until: "5.15"},
		{name: "helper of XDP", do: set("in_ack_event", helperCall(asm.FnXdpAdjustHead)), rule: RuleHelper},
		{name: "helper of tc", do: set("in_ack_event", helperCall(asm.FnSkbStoreBytes)), rule: RuleHelper},
		{name: "helper for all", do: set("in_ack_event", program(asm.FnKtimeGetNs.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return()))},
		{name: "kfunc", do: set("undo_cwnd", kfuncCall(reno)), rule: RuleKfunc, until: "5.13"},
		{name: "waits for tx start", do: set("cwnd_event", waitsForTxStart()), rule: RuleTxStart, since: "7.1", ours: true},
		{name: "all optional", do: func(s *Spec) {
			for _, m := range []string{"init", "release", "set_state", "cwnd_event", "in_ack_event", "pkts_acked"} {
				if s.Funcs[m] == nil {
					s.Funcs[m] = nothing()
				}
			}
			s.Funcs["min_tso_segs"], s.Funcs["sndbuf_expand"] = returns(2), returns(2)
		}},
	}
}

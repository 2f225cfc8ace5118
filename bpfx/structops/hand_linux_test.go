package structops

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/internal/testutil"
)

// handCase is a spec that the kernel refuses and one next to it that it
// accepts, written out without the changes of the differential test. They are
// loaded without Validate: they are what it is measured against.
type handCase struct {
	name         string
	rule         Rule
	refused      *Spec
	accepted     *Spec
	since, until string // the kernels that refuse
	// never says that the kernel accepts both: a rule of ours.
	never bool
}

type funcs = map[string]*ebpf.ProgramSpec
type data = map[string]any

// cc is a spec that is written out.
func cc(name string, f funcs, d data) *Spec {
	return &Spec{Type: "tcp_congestion_ops", Name: name, Funcs: f, Data: d}
}

// bare is a program of these instructions, written out.
func bare(insns ...asm.Instruction) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{License: "GPL", Instructions: insns}
}

// handCases have their counterparts in the kernel's own tests (bpf_tcp_ca.c and
// its programs in tools/testing/selftests/bpf), named where they are from there.
func handCases() []handCase {
	zero := func() *ebpf.ProgramSpec {
		return bare(asm.Mov.Imm(asm.R0, 0), asm.Ja.Label("x"), asm.Return().WithSymbol("x"))
	}
	five := func() *ebpf.ProgramSpec { return bare(asm.Mov.Imm(asm.R0, 5), asm.Return()) }
	whole := func() *Spec {
		return cc("bpfx_hand", funcs{"ssthresh": five(), "undo_cwnd": five(), "cong_avoid": zero()}, nil)
	}
	with := func(member string, p *ebpf.ProgramSpec) *Spec {
		return cc("bpfx_hand", funcs{"ssthresh": five(), "undo_cwnd": five(), "cong_avoid": zero(), member: p}, nil)
	}
	withData := func(member string, v any) *Spec {
		return cc("bpfx_hand", funcs{"ssthresh": five(), "undo_cwnd": five(), "cong_avoid": zero()}, data{member: v})
	}
	sockopt := func(fn asm.BuiltinFunc) *ebpf.ProgramSpec {
		return bare(
			asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.StoreImm(asm.R10, -8, 1, asm.Word),
			asm.Mov.Imm(asm.R2, 6), asm.Mov.Imm(asm.R3, 1), asm.Mov.Reg(asm.R4, asm.R10), asm.Add.Imm(asm.R4, -8), asm.Mov.Imm(asm.R5, 4),
			fn.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return())
	}
	pacing := func() *ebpf.ProgramSpec { // tcp_ca_write_sk_pacing.c
		f, err := Field("sock", "sk_pacing_rate")
		if err != nil {
			return bare()
		}
		store, err := f.Store(asm.R1, asm.R2)
		if err != nil {
			return bare()
		}
		return bare(asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.Mov.Imm(asm.R2, 1000), store, asm.Mov.Imm(asm.R0, 0), asm.Return())
	}
	mit := five()
	mit.License = "MIT"
	sleeps := zero()
	sleeps.Flags = sleepable
	return []handCase{
		{name: "tcp_ca_incompl_cong_ops.c: no ssthresh, undo_cwnd", rule: RuleMissing, refused: cc("bpfx_hand", funcs{"cong_avoid": zero()}, nil), accepted: whole()},
		{name: "no undo_cwnd", rule: RuleMissing, refused: cc("bpfx_hand", funcs{"ssthresh": five(), "cong_avoid": zero()}, nil), accepted: whole()},
		{name: "neither cong_avoid nor cong_control", rule: RuleMissing, refused: cc("bpfx_hand", funcs{"ssthresh": five(), "undo_cwnd": five()}, nil), accepted: with("cong_control", zero())},
		{name: "cong_control without cong_avoid", rule: RuleMissing, until: "6.0", refused: cc("bpfx_hand", funcs{"ssthresh": five(), "undo_cwnd": five(), "cong_control": zero()}, nil), accepted: whole()},
		{name: "tcp_ca_unsupp_cong_op.c: get_info", rule: RuleUnsupported, refused: with("get_info", zero()), accepted: with("init", zero())},
		{name: "bpf_tcp_nogpl.c: licence", rule: RuleLicense, since: "5.13", refused: with("ssthresh", mit), accepted: whole()},
		{name: "function for data", rule: RuleKind, refused: with("key", zero()), accepted: with("release", zero())},
		{name: "no such member", rule: RuleUnknown, refused: with("tso_segs", five()), accepted: with("min_tso_segs", five())},
		{name: "cwnd_event_tx_start", rule: RuleUnknown, until: "7.1", refused: with("cwnd_event_tx_start", zero()), accepted: with("cwnd_event", zero())},
		{name: "no instructions", rule: RuleProgram, refused: with("init", bare()), accepted: with("init", zero())},
		{name: "return unset", rule: RuleReturnUnset, refused: with("min_tso_segs", bare(asm.Return())), accepted: with("init", bare(asm.Return()))},
		{name: "return unset on both paths", rule: RuleReturnUnset,
			refused:  with("ssthresh", bare(asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.JEq.Imm(asm.R1, 0, "y"), asm.Return(), asm.Return().WithSymbol("y"))),
			accepted: with("ssthresh", bare(asm.LoadMem(asm.R0, asm.R1, 0, asm.DWord), asm.Mov.Imm(asm.R0, 2), asm.Return()))},
		{name: "argument 2 of init", rule: RuleArity, refused: with("init", bare(asm.LoadMem(asm.R0, asm.R1, 8, asm.DWord), asm.Return())),
			accepted: with("init", bare(asm.LoadMem(asm.R0, asm.R1, 0, asm.DWord), asm.Mov.Imm(asm.R0, 0), asm.Return()))},
		{name: "argument 4 of cong_control", rule: RuleArity, until: "6.10",
			refused:  with("cong_control", bare(asm.LoadMem(asm.R2, asm.R1, 24, asm.DWord), asm.Mov.Imm(asm.R0, 0), asm.Return())),
			accepted: with("cong_control", bare(asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord), asm.Mov.Imm(asm.R0, 0), asm.Return()))},
		{name: "empty name", rule: RuleName, refused: cc("", whole().Funcs, nil), accepted: cc("b", whole().Funcs, nil)},
		{name: "name with space", rule: RuleName, refused: cc("bpfx hand", whole().Funcs, nil), accepted: cc("bpfx_.hand", whole().Funcs, nil)},
		{name: "flags 0x100", rule: RuleFlags, refused: withData("flags", 0x100), accepted: withData("flags", 1)},
		{name: "flags 0x40", rule: RuleFlags, refused: withData("flags", 0x40), accepted: withData("flags", 2)},
		{name: "owner", rule: RuleZero, refused: withData("owner", uint64(0xffff888000000000)), accepted: withData("owner", 0)},
		{name: "key", rule: RuleZero, refused: withData("key", 1), accepted: withData("key", 0)},
		{name: "list", rule: RuleZero, refused: withData("list", []byte{1, 15: 0}), accepted: withData("list", []byte{15: 0})},
		{name: "value of 33 bits", rule: RuleValue, refused: withData("flags", int64(1)<<32), accepted: withData("flags", int64(1))},
		{name: "bpf_cc_cubic.c, tcp_ca release: setsockopt", rule: RuleHelper, refused: with("release", sockopt(asm.FnSetsockopt)), accepted: with("release", zero())},
		{name: "getsockopt in release", rule: RuleHelper, refused: with("release", sockopt(asm.FnGetsockopt)), accepted: with("release", zero())},
		{name: "setsockopt before 5.15", rule: RuleHelper, until: "5.15", refused: with("set_state", sockopt(asm.FnSetsockopt)), accepted: with("set_state", zero())},
		{name: "skb helper", rule: RuleHelper, refused: with("init", sockopt(asm.FnSkbLoadBytes)), accepted: with("init", bare(asm.FnJiffies64.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return()))},
		{name: "tcp_ca_write_sk_pacing.c", rule: "", until: "6.0", refused: with("cong_control", pacing()), accepted: with("cong_control", zero())},
		{name: "sleepable", rule: RuleSleepable, since: "6.1", never: true, refused: with("init", sleeps), accepted: with("init", zero())},
	}
}

// TestHandWritten asks the kernel about cases that are written by hand, and
// Validate about the same: each rule has some that the kernel itself refuses.
func TestHandWritten(t *testing.T) {
	testutil.NeedRoot(t)
	typ, err := Lookup("tcp_congestion_ops")
	if err != nil {
		t.Fatal(err)
	}
	refused := make(map[Rule]int)
	for _, c := range handCases() {
		t.Run(c.name, func(t *testing.T) {
			inForce := atLeast(typ.Kernel, c.since) && (c.until == "" || !atLeast(typ.Kernel, c.until))
			kernel := kernelVerdict(c.refused, true)
			found := findings(t, c.refused, typ)
			if inForce && !c.never {
				if kernel == nil {
					t.Errorf("the kernel accepts what this case says that it refuses")
				}
				refused[c.rule]++
			}
			if c.rule != "" && inForce && (len(found) == 0 || found[0].Rule != c.rule) {
				t.Errorf("Validate finds %v, want rule %q", found, c.rule)
			}
			if !inForce && c.since == "" && (kernel != nil || len(found) > 0) {
				t.Errorf("the kernel says %v, Validate finds %v; want neither: this kernel is newer", kernel, found)
			}
			if err := kernelVerdict(c.accepted, true); err != nil {
				t.Errorf("the kernel refuses the neighbour: %v", err)
			}
			if found := findings(t, c.accepted, typ); len(found) > 0 {
				t.Errorf("Validate finds %v in the neighbour", found)
			}
		})
	}
	t.Logf("Linux %s refuses, by rule: %v", typ.Kernel, refused)
	for _, rule := range []Rule{RuleMissing, RuleUnsupported, RuleKind, RuleUnknown, RuleProgram, RuleReturnUnset, RuleArity, RuleName, RuleFlags, RuleZero, RuleValue, RuleHelper} {
		if refused[rule] == 0 {
			t.Errorf("no case that Linux %s refuses for rule %q", typ.Kernel, rule)
		}
	}
}

// TestFlagMask asks the kernel about every bit of flags: the rules must list
// those that it takes and no other.
func TestFlagMask(t *testing.T) {
	testutil.NeedRoot(t)
	typ, err := Lookup("tcp_congestion_ops")
	if err != nil {
		t.Fatal(err)
	}
	var takes uint32
	for bit := uint32(1); bit != 0; bit <<= 1 {
		s := minimal("bpfx_flags")
		s.Data["flags"] = bit
		if kernelVerdict(s, false) == nil {
			takes |= bit
		}
	}
	t.Logf("Linux %s takes flags %#x", typ.Kernel, takes)
	if want := TCPCongestionOps.flagMask(typ.Kernel); takes != want {
		t.Errorf("the kernel takes flags %#x, the rules say %#x", takes, want)
	}
}

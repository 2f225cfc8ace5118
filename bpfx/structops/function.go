package structops

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/bpfx/go/internal/gpl"
)

// sleepable is BPF_F_SLEEPABLE (include/uapi/linux/bpf.h).
const sleepable = 1 << 4

// function checks the program of one member.
func (c *checker) function(m Member, spec *ebpf.ProgramSpec) {
	switch {
	case spec == nil:
		c.report(m.Name, RuleProgram, "nil program: leave the member out, or give it one")
		return
	case len(spec.Instructions) == 0:
		c.report(m.Name, RuleProgram, "the program has no instructions")
		return
	case !programType(spec):
		c.report(m.Name, RuleProgram, "it is a program of type %v, not %v", spec.Type, ebpf.StructOps)
		return
	}
	if !gpl.Compatible(spec.License) {
		c.found = append(c.found, Finding{Member: m.Name, Rule: RuleLicense,
			Detail: "licence " + quoted(spec.License) + " isn't compatible with the GPL: use one of " + strings.Join(gpl.Licences, ", ")})
	}
	if spec.Flags&sleepable != 0 && c.rules != nil {
		c.report(m.Name, RuleSleepable, "the program is sleepable, but the kernel calls it where it may not sleep: use SEC(\"struct_ops\"), not \"struct_ops.s\"")
	}
	c.prototype(m, spec)
	f := newFlow(spec.Instructions)
	if m.Return != "void" && f.unset {
		c.report(m.Name, RuleReturnUnset, "it returns %s, but the program can end without ever having set R0", m.Return)
	}
	if f.maxArg >= len(m.Args) {
		c.report(m.Name, RuleArity, "the program reads argument %d, there are %d: %s", f.maxArg+1, len(m.Args), m)
	}
	c.txStart(m, f)
	c.calls(m, spec)
}

// prototype compares the program's BTF, if it has any, with the member's.
func (c *checker) prototype(m Member, spec *ebpf.ProgramSpec) {
	fn := btf.FuncMetadata(&spec.Instructions[0])
	if fn == nil {
		return
	}
	proto, ok := btf.As[*btf.FuncProto](fn.Type)
	if !ok {
		return
	}
	if n := len(proto.Params); !takesContext(proto) && n != len(m.Args) {
		c.report(m.Name, RuleArity, "function %q takes %d arguments, not %d: %s", fn.Name, n, len(m.Args), m)
	}
	if _, void := btf.UnderlyingType(proto.Return).(*btf.Void); void && m.Return != "void" {
		c.report(m.Name, RuleReturn, "function %q returns nothing, the kernel wants %s", fn.Name, m.Return)
	}
}

// takesContext reports whether a function takes the context, as those of
// libbpf's BPF_PROG do: a pointer to the integers that are the arguments.
func takesContext(proto *btf.FuncProto) bool {
	if len(proto.Params) != 1 {
		return false
	}
	p, ok := btf.As[*btf.Pointer](proto.Params[0].Type)
	if !ok {
		return false
	}
	switch btf.UnderlyingType(p.Target).(type) {
	case *btf.Int, *btf.Void:
		return true
	}
	return false
}

// txStart reports a cwnd_event that waits for CA_EVENT_TX_START (0, in enum
// tcp_ca_event), which a kernel with cwnd_event_tx_start doesn't send to it
// (include/net/tcp.h, tcp_ca_event).
func (c *checker) txStart(m Member, f *flow) {
	if c.rules != TCPCongestionOps || m.Name != "cwnd_event" || !slices.Contains(f.compares[1], 0) {
		return
	}
	if _, has := c.t.Member("cwnd_event_tx_start"); !has {
		return
	}
	if _, set := c.s.Funcs["cwnd_event_tx_start"]; !set {
		c.report(m.Name, RuleTxStart, "the program compares the event with CA_EVENT_TX_START, which the kernel no longer sends it (since 7.1): implement cwnd_event_tx_start too")
	}
}

// calls checks which helpers and functions of the kernel a program calls.
func (c *checker) calls(m Member, spec *ebpf.ProgramSpec) {
	if c.rules != TCPCongestionOps {
		return
	}
	seen := make(map[asm.BuiltinFunc]bool)
	kfunc := false
	for i := range spec.Instructions {
		ins := &spec.Instructions[i]
		if !ins.OpCode.Class().IsJump() {
			continue
		}
		kfunc = kfunc || ins.IsKfuncCall()
		if fn := asm.BuiltinFunc(ins.Constant); ins.IsBuiltinCall() && !seen[fn] {
			seen[fn] = true
			c.helper(m, fn)
		}
	}
	if kfunc && !atLeast(c.t.Kernel, kfuncsSince) {
		c.found = append(c.found, Finding{m.Name, RuleKfunc,
			"the program calls functions of the kernel, which needs Linux " + kfuncsSince + byNumber, kfuncsSince})
	}
}

// kfuncsSince is the kernel that lets a TCP congestion control call functions
// of its own, such as tcp_reno_cong_avoid.
const kfuncsSince = "5.13"

// sockoptSince is the kernel from which on it may call bpf_setsockopt.
const sockoptSince = "5.15"

// helper checks one call of a helper (net/ipv4/bpf_tcp_ca.c,
// bpf_tcp_ca_get_func_proto).
func (c *checker) helper(m Member, fn asm.BuiltinFunc) {
	switch name := fn.String(); {
	case fn == asm.FnSetsockopt || fn == asm.FnGetsockopt:
		if !atLeast(c.t.Kernel, sockoptSince) {
			c.found = append(c.found, Finding{m.Name, RuleHelper, "helper " + name + " needs Linux " + sockoptSince + byNumber, sockoptSince})
		} else if m.Name == "release" {
			c.report(m.Name, RuleHelper, "helper %s isn't allowed in release", name)
		}
	case slices.Contains(foreign, fn), slices.ContainsFunc(foreignPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }):
		c.report(m.Name, RuleHelper, "helper %s isn't for congestion controls", name)
	}
}

// foreignPrefixes start the names of helpers that work on the context of other
// types of programs, foreign are more of them. Others are left to the verifier.
var (
	foreignPrefixes = []string{"FnXdp", "FnSkb", "FnMsg", "FnLwt", "FnSysctl", "FnRc"}
	foreign         = []asm.BuiltinFunc{
		asm.FnRedirect, asm.FnCloneRedirect, asm.FnRedirectMap, asm.FnRedirectPeer, asm.FnRedirectNeigh,
		asm.FnL3CsumReplace, asm.FnL4CsumReplace, asm.FnCsumUpdate, asm.FnCsumLevel, asm.FnSetHash, asm.FnSetHashInvalid,
		asm.FnOverrideReturn, asm.FnSkRedirectMap, asm.FnSkRedirectHash, asm.FnSockMapUpdate, asm.FnSockHashUpdate,
		asm.FnSkSelectReuseport, asm.FnSkAssign, asm.FnFibLookup, asm.FnBind, asm.FnSockOpsCbFlagsSet,
		asm.FnLoadHdrOpt, asm.FnStoreHdrOpt, asm.FnReserveHdrOpt, asm.FnGetSocketUid, asm.FnGetRouteRealm, asm.FnGetHashRecalc,
	}
)

func quoted(s string) string { return `"` + s + `"` }

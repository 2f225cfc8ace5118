package tailcall

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/gpl"
)

// Flags of BPF_PROG_LOAD, from include/uapi/linux/bpf.h.
const (
	flagSleepable   = 1 << 4
	flagXDPHasFrags = 1 << 5
	flagXDPDevBound = 1 << 6
)

// What the kernel says of stack around tail calls in subprograms, in bytes.
const (
	frameLimit       = 256 // of the callers together
	frameRounding    = 32  // of each of them
	jitFrameRounding = 16  // the same on newer kernels: 6.12, not 6.1
)

// users returns the programs that call through a, or are in a slot of it, in
// the order in which they are loaded: the first owns the array.
func (m *model) users(a *arrayModel) (list []*node) {
	in := make(map[*node]bool)
	for _, n := range a.slots {
		in[n] = true
	}
	for _, n := range slices.Concat(m.programs[:m.roots], m.calleesFirst()) {
		calls := slices.ContainsFunc(n.calls, func(e edge) bool { return e.array == a })
		if calls || in[n] {
			list = append(list, n)
		}
	}
	isNew := func(n *node) bool { return n.loaded == nil }
	fresh := slices.DeleteFunc(slices.Clone(list), func(n *node) bool { return !isNew(n) })
	return append(slices.DeleteFunc(list, isNew), fresh...)
}

// checkOwner reports programs that the kernel refuses in a, or refuses to load
// since they call through a: bpf_prog_map_compatible in kernel/bpf/core.c.
func (m *model) checkOwner(a *arrayModel) {
	var owner *node
	for _, n := range m.users(a) {
		m.checkUser(a, n)
		if owner == nil {
			owner = n
			continue
		}
		if diff := differences(owner, n); len(diff) > 0 {
			m.aboutProgram(Error, Incompatible, n, a.name, "%s, but %s was first in the array: the kernel refuses both in one", strings.Join(diff, ", "), owner.quoted())
		}
		if n.spec == nil || owner.spec == nil {
			continue
		}
		if diff := attachTypes(owner, n); diff != "" && n.typ == owner.typ {
			m.aboutProgram(Warning, Incompatible, n, a.name, "%s, but %s was first in the array: kernels from 6.18 on, and older ones with later fixes, refuse both in one", diff, owner.quoted())
		}
		if s, t := n.spec.AttachTo, owner.spec.AttachTo; s != t && n.typ == owner.typ && typedByTarget(n.typ) {
			m.aboutProgram(Warning, Incompatible, n, a.name, "it is for %q, but %s is for %q: the kernel refuses both in one array unless their arguments are the same", s, owner.quoted(), t)
		}
		if s, t := m.storages(n), m.storages(owner); slices.ContainsFunc(s, func(name string) bool { return !slices.Contains(t, name) }) {
			m.aboutProgram(Error, Incompatible, n, a.name, "it uses cgroup storage %s, but %s, which was first in the array, uses %s", list(s), owner.quoted(), list(t))
		}
	}
}

func (n *node) quoted() string { return fmt.Sprintf("program %q", n.name) }

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " and ")
}

// typedByTarget reports whether programs of a type share an array only if what
// they attach to has the same arguments.
func typedByTarget(t ebpf.ProgramType) bool {
	return t == ebpf.Tracing || t == ebpf.LSM || t == ebpf.Extension || t == ebpf.StructOps
}

// checkUser reports programs that go with no array.
func (m *model) checkUser(a *arrayModel, n *node) {
	callee := slices.ContainsFunc(a.order, func(i uint32) bool { return a.slots[i] == n })
	switch {
	case callee && n.typ == ebpf.Extension:
		m.aboutProgram(Error, Incompatible, n, a.name, "programs of type %v can't be in a slot", n.typ)
	case n.code != nil && n.code.overrides:
		m.aboutProgram(Error, Incompatible, n, a.name, "it calls bpf_override_return: the kernel takes no such program in an array, nor for a caller")
	case callee && n.deviceBound():
		m.aboutProgram(Error, Incompatible, n, a.name, "it is bound to a device: the kernel takes no such program in an array")
	case n.deviceBound():
		m.aboutProgram(Warning, Incompatible, n, a.name, "it is bound to a device: kernels before 6.16, but for some with later fixes, refuse such programs if they make tail calls")
	case n.spec != nil && n.spec.Flags&flagSleepable != 0 && len(n.calls) > 0:
		m.aboutProgram(Warning, Incompatible, n, a.name, "it is sleepable: kernels before 7 refuse such programs if they make tail calls")
	}
}

// deviceBound reports whether n is an XDP program for one device only.
func (n *node) deviceBound() bool {
	return n.spec != nil && n.typ == ebpf.XDP && n.spec.Flags&flagXDPDevBound != 0
}

// attachTypes says how the attach types of two programs of a type differ, "" if
// they don't.
func attachTypes(owner, n *node) string {
	if s, t := attachType(n.spec), attachType(owner.spec); s != t {
		return fmt.Sprintf("attach type %v instead of %v", s, t)
	}
	return ""
}

// refusal says why the kernel at hand may have refused n beside owner.
func refusal(owner, n *node) string {
	diff := differences(owner, n)
	if n.typ == owner.typ && n.spec != nil && owner.spec != nil {
		if types := attachTypes(owner, n); types != "" {
			diff = append(diff, types)
		}
	}
	return strings.Join(diff, ", ")
}

// differences says in what programs of an array differ that every kernel
// refuses, or runs wrongly.
func differences(owner, n *node) (diff []string) {
	if n.typ != owner.typ {
		return []string{fmt.Sprintf("type %v instead of %v", n.typ, owner.typ)}
	}
	if n.spec == nil || owner.spec == nil {
		return nil
	}
	if n.typ == ebpf.XDP && (n.spec.Flags^owner.spec.Flags)&flagXDPHasFrags != 0 {
		diff = append(diff, "one of them has xdp.frags")
	}
	if (n.spec.Flags^owner.spec.Flags)&flagSleepable != 0 {
		diff = append(diff, "one of them is sleepable")
	}
	return diff
}

// attachType returns the attach type that the kernel stores for spec: that of
// a few types is never 0.
func attachType(spec *ebpf.ProgramSpec) ebpf.AttachType {
	if spec.AttachType == 0 {
		switch spec.Type {
		case ebpf.CGroupSock:
			return ebpf.AttachCGroupInetSockCreate
		case ebpf.SkReuseport:
			return ebpf.AttachSkReuseportSelect
		}
	}
	return spec.AttachType
}

// storages returns the names of the cgroup storage maps that n uses.
func (m *model) storages(n *node) (names []string) {
	if n.code == nil {
		return nil
	}
	for _, id := range n.code.refs {
		typ, name := ebpf.UnspecifiedMap, id.name
		if s := m.spec.mapSpec(id.name); s != nil {
			typ = s.Type
		} else if id.m != nil {
			typ, name = id.m.Type(), id.m.String()
		}
		if typ == ebpf.CGroupStorage || typ == ebpf.PerCPUCGroupStorage {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkFunctions reports tail calls in subprograms that the verifier refuses:
// check_max_stack_depth in kernel/bpf/verifier.c.
func (m *model) checkFunctions(n *node) {
	for i := range n.calls {
		e := &n.calls[i]
		if e.fn == 0 {
			continue
		}
		f := n.code.funcs[e.fn]
		if n.spec != nil && slices.ContainsFunc(n.code.funcs, func(f function) bool { return !f.info }) {
			m.aboutCall(Error, NoBTF, n, e, -1, "tail call in subprogram %q: the kernel wants BTF for all functions of the program then; clang -g writes it", f.name)
		}
		depth := n.code.depthAt(e.fn, jitFrameRounding)
		switch {
		case depth >= frameLimit:
			m.aboutCall(Error, StackDepth, n, e, -1, "tail call in subprogram %q, whose callers use %d bytes of stack: the kernel takes less than %d", f.name, depth, frameLimit)
		case n.code.depthAt(e.fn, frameRounding) >= frameLimit:
			m.aboutCall(Warning, StackDepth, n, e, -1, "tail call in subprogram %q, whose callers use %d bytes of stack: older kernels, such as 6.1, round that up to %d and refuse it", f.name, depth, n.code.depthAt(e.fn, frameRounding))
		}
	}
}

// depthAt returns how many bytes of stack the callers of a function use at
// most.
func (a *analysis) depthAt(fn, rounding int) int {
	most := make([]int, len(a.funcs))
	open := make([]bool, len(a.funcs))
	var walk func(i, depth int)
	walk = func(i, depth int) {
		if open[i] || depth > 1<<12 {
			return // a recursion: the kernel refuses it, or far too deep
		}
		if i != 0 && depth <= most[i] {
			return
		}
		open[i], most[i] = true, depth
		below := (max(a.funcs[i].depth, 1) + rounding - 1) / rounding * rounding
		for _, c := range a.funcs[i].callees {
			walk(c, depth+below)
		}
		open[i] = false
	}
	walk(0, 0)
	return most[fn]
}

// checkLicenses reports chains of which a part may use GPL-only helpers.
func (m *model) checkLicenses() {
	var compatible, other *node
	for _, n := range m.programs {
		switch {
		case n.spec == nil:
		case gpl.Compatible(n.spec.License):
			compatible = n
		case other == nil:
			other = n
		}
	}
	if compatible != nil && other != nil {
		m.aboutProgram(Hint, LicenseMix, other, "", "its licence, %q, is not GPL compatible, but that of %s is", other.spec.License, compatible.quoted())
	}
}

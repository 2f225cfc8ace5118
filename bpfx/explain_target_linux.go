package bpfx

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/bpfx/go/internal/nearest"
)

// noTarget explains that a program can't be loaded for its AttachTo.
func (m *machine) noTarget(spec *ebpf.ProgramSpec, err error) *finding {
	r := requirementOfProgram(spec.Type, spec.AttachType)
	if r == nil || r.kind == "" {
		return nil
	}
	if r.btf {
		if f := m.noBTF(); f != nil {
			return f
		}
	}
	var f *finding
	switch r.kind {
	case "lsm", "lsm_cgroup":
		f = m.noneWithPrefix("bpf_lsm_", spec.AttachTo, "LSM hook", r)
	case "iter":
		f = m.noneWithPrefix("bpf_iter_", spec.AttachTo, "iterator", r)
	case "tp_btf":
		f = m.noneWithPrefix("__traceiter_", spec.AttachTo, "tracepoint", r)
	case "fentry", "fexit", "fmod_ret":
		f = m.noTraceable(spec.AttachTo, err)
	}
	if f != nil {
		f.why = fmt.Sprintf("%s %s: %s", r.kind, spec.AttachTo, f.why)
	}
	return f
}

// noTraceable explains that a program can't be loaded for a function.
func (m *machine) noTraceable(want string, err error) *finding {
	f, l := m.noFunction(want)
	switch {
	case f != nil || l.matches == 0:
		return f
	case errors.Is(err, btf.ErrMultipleMatches):
		return l.ambiguous()
	case l.name != want: // found as __x64_sys_read
		return &finding{
			why:      "no function of that name (nearest: " + l.name + ")",
			evidence: []string{symbolsFile + " has " + l.name},
			remedy:   "did you mean " + l.name + "?",
		}
	case l.module != "" && m.exists("/sys/kernel/btf/"+l.module):
		return nil // the process may not be allowed to read it
	}
	where := "/sys/kernel/btf/vmlinux"
	if l.module != "" {
		where = "/sys/kernel/btf/" + l.module
	}
	return &finding{
		why:      "the kernel's BTF doesn't describe that function",
		evidence: []string{symbolsFile + " has " + l.name, where + " doesn't"},
		remedy:   "use a kprobe, which needs no BTF",
	}
}

// noneWithPrefix explains that the kernel has no function prefix+want, by
// which it names things of a kind. nil if it has it, or doesn't tell.
func (m *machine) noneWithPrefix(prefix, want, kind string, r *requirement) *finding {
	near, all, known := nearest.New(want), 0, false
	for line := range m.lines(symbolsFile) {
		known = true
		_, name, _ := parseSymbol(line)
		name, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if name == want {
			return nil
		}
		all++
		near.Add(name, name)
	}
	if !known {
		return nil
	}
	if all == 0 {
		return m.lacks(r, kind+"s")
	}
	names := near.Names()
	f := &finding{
		why:      "no such " + kind + nearest.List(names),
		evidence: []string{symbolsFile + ": none of " + number(all, kind) + " is " + want},
		remedy:   "choose one of grep " + prefix + " " + symbolsFile,
	}
	if len(names) > 0 {
		f.remedy = "did you mean " + names[0] + "?"
	}
	return f
}

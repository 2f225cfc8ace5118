package bpfx

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	kbtf "github.com/bpfx/go/internal/btf"
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
		f = m.noIterator(spec.AttachTo, r)
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
	f, l := m.noFunction(want, false)
	switch {
	case f != nil || l.matches == 0:
		return f
	case errors.Is(err, btf.ErrMultipleMatches):
		return l.ambiguous()
	}
	where := vmlinuxBTF
	if l.module != "" {
		where = "/sys/kernel/btf/" + l.module
		if m.exists(where) {
			return nil // it shares names with the kernel's
		}
	} else if names, ok := m.namesInBTF(want); !ok || slices.Contains(names, want) {
		return nil
	}
	return &finding{
		why:      "the kernel's BTF doesn't describe that function",
		evidence: []string{symbolsFile + " has " + l.name, where + " doesn't"},
		remedy:   "use a kprobe, which needs no BTF",
	}
}

// namesInBTF returns the names in the kernel's BTF that start with prefix, of
// whatever it describes. ok is false if they can't be read.
func (m *machine) namesInBTF(prefix string) (names []string, ok bool) {
	raw, err := fs.ReadFile(m.root, strings.TrimPrefix(vmlinuxBTF, "/"))
	if err != nil {
		return nil, false
	}
	names, err = kbtf.Names(raw, prefix)
	return names, err == nil
}

// noIterator explains that the kernel has no iterator want: it names the
// contexts of their programs bpf_iter__*. nil if it has it, or doesn't tell.
func (m *machine) noIterator(want string, r *requirement) *finding {
	const prefix = "bpf_iter__"
	names, ok := m.namesInBTF(prefix)
	if !ok {
		return nil
	}
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], prefix)
	}
	return m.noneOf(names, want, "iterator", vmlinuxBTF, prefix, r)
}

// noneWithPrefix explains that the kernel has no function prefix+want, by
// which it names things of a kind. nil if it has it, or doesn't tell.
func (m *machine) noneWithPrefix(prefix, want, kind string, r *requirement) *finding {
	var names []string
	known := false
	for line := range m.lines(symbolsFile) {
		known = true
		_, name, _ := parseSymbol(line)
		if name, ok := strings.CutPrefix(name, prefix); ok {
			names = append(names, strings.Clone(name))
		}
	}
	if !known {
		return nil
	}
	return m.noneOf(names, want, kind, symbolsFile, prefix, r)
}

// noneOf explains that want isn't one of names, which are of a kind and from
// file, with prefix before them; nil if it is.
func (m *machine) noneOf(names []string, want, kind, file, prefix string, r *requirement) *finding {
	switch {
	case slices.Contains(names, want):
		return nil
	case len(names) == 0:
		return m.lacks(r, kind+"s")
	}
	near := nearest.New(want)
	for _, name := range names {
		near.Add(name, name)
	}
	like := near.Names()
	f := &finding{
		why:      "no such " + kind + nearest.List(like),
		evidence: []string{fmt.Sprintf("%s: none of %s %s* is %s%s", file, number(len(names), "name"), prefix, prefix, want)},
		remedy:   "choose one of strings " + file + " | grep ^" + prefix,
	}
	if file == symbolsFile {
		f.remedy = "choose one of grep " + prefix + " " + symbolsFile
	}
	if len(like) > 0 {
		f.remedy = "did you mean " + like[0] + "?"
	}
	return f
}

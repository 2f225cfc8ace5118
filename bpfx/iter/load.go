package iter

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
)

// Spec returns what [Load] loads, for those who want to change it before they
// load it with [LoadSpec], [With] or [Walk].
//
// Flags takes unix.BPF_F_SLEEPABLE, for a program that calls helpers which may
// sleep. Not all targets take one: see [Target]. Requires Linux 5.18.
func Spec(target string, insns asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{
		Name:         "iter_" + target,
		Type:         ebpf.Tracing,
		AttachType:   ebpf.AttachTraceIter,
		AttachTo:     target,
		Instructions: insns,
		License:      "GPL",
	}
}

// Load loads a program for a target, such as "task". R1 points to the target's
// context when it starts: see [Target]. The program writes with the helpers
// bpf_seq_write or bpf_seq_printf, and returns 0. 1 drops what it has written
// for this object and asks for it once more, ten thousand times at most; of
// cgroups it ends the session. After the last object the program is called once
// with none: its pointer is null then.
//
// The program must be closed. It is loaded as [bpfx.Load] does, with a licence
// that is compatible with the GPL (GNU General Public License), as the helpers
// ask for. Returns a [*bpfx.LoadError] if the verifier rejects it, and the error
// of [LookupTarget] if the kernel lacks the target.
func Load(target string, insns asm.Instructions) (*bpfx.Program, error) {
	return LoadSpec(Spec(target, insns))
}

// LoadSpec is [Load] for what [Spec] returns, or the spec of an iterator in an
// object file. It remembers the size of records if the program tells it; see
// [Records].
func LoadSpec(spec *ebpf.ProgramSpec) (*bpfx.Program, error) {
	switch {
	case spec == nil:
		return nil, errors.New("load iterator: nil spec")
	case spec.Type != ebpf.Tracing || spec.AttachType != ebpf.AttachTraceIter:
		return nil, fmt.Errorf(`load iterator: program %q is of type %v and attach type %v, iterators are Tracing and TraceIter (section "iter/task")`,
			spec.Name, spec.Type, spec.AttachType)
	case spec.AttachTo == "":
		return nil, fmt.Errorf(`load iterator: program %q has no target: set AttachTo, such as "task"`, spec.Name)
	}
	p, err := bpfx.Load(spec, nil)
	if err != nil {
		if _, missing := LookupTarget(spec.AttachTo); errors.Is(missing, ebpf.ErrNotSupported) {
			err = missing
		}
		return nil, fmt.Errorf("load iterator: %w", err)
	}
	remember(p, spec)
	return p, nil
}

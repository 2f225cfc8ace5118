package bpfx

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// explainLoad returns err of loading with its cause. specs is the program that
// failed or, if it isn't known which, all that were to be loaded. What depends
// on the thread is found out now, and so is what the kernel doesn't have,
// since callers ask for [ebpf.ErrNotSupported].
func explainLoad(specs []*ebpf.ProgramSpec, err error) error {
	log, rejected := verifierLog(err)
	var spec *ebpf.ProgramSpec
	if len(specs) == 1 {
		spec = specs[0]
	}
	switch {
	case len(log) > 0:
		return explainRejection(spec, log, err)
	case errors.Is(err, unix.EPERM):
		privs, known := currentPrivileges()
		types := programTypes(specs)
		return later(err, func() *finding {
			if !known {
				return nil
			}
			return thisMachine.loadNotPermitted(privs, types)
		})
	case errors.Is(err, unix.ENOSYS):
		return later(err, func() *finding {
			if option, where := thisMachine.lacksOption([]string{"CONFIG_BPF_SYSCALL"}); option != "" {
				return withoutOption(option, where)
			}
			return nil
		})
	case spec == nil:
		return err
	case rejected && errorsIsAny(err, unix.EINVAL, unix.E2BIG):
		return explainUnknown(spec, err)
	case spec.AttachTo != "" && errorsIsAny(err, ebpf.ErrNotSupported, btf.ErrNotFound, btf.ErrMultipleMatches):
		target := *spec // without the instructions, which may be large
		target.Instructions = nil
		return later(err, func() *finding { return thisMachine.noTarget(&target, err) })
	}
	return err
}

// explainUnknown explains an error without a log: the kernel refused the
// program before it looked at its code. If it refuses one that does nothing in
// the same way, it doesn't have what the program is for.
func explainUnknown(spec *ebpf.ProgramSpec, err error) error {
	if spec.AttachTo != "" || spec.AttachTarget != nil || spec.Ifindex != 0 {
		return err // something else that the kernel may object to
	}
	like := func(typ ebpf.ProgramType, attach ebpf.AttachType, flags uint32) error {
		return loadNothing(&ebpf.ProgramSpec{Type: typ, AttachType: attach, Flags: flags})
	}
	same := func(other error) bool {
		return errors.Is(err, unix.EINVAL) && errors.Is(other, unix.EINVAL) || errors.Is(err, unix.E2BIG) && errors.Is(other, unix.E2BIG)
	}
	if !same(like(spec.Type, spec.AttachType, spec.Flags)) || like(ebpf.SocketFilter, ebpf.AttachNone, 0) != nil {
		return err
	}
	what, row := fmt.Sprintf("%v programs", spec.Type), requirementOfProgram(spec.Type, spec.AttachType)
	switch {
	case spec.Flags != 0 && like(spec.Type, spec.AttachType, 0) == nil:
		what, row = fmt.Sprintf("%s with flags %#x", what, spec.Flags), flagRequirement(spec)
	case spec.AttachType != ebpf.AttachNone && spec.AttachType.String() != spec.Type.String():
		what += fmt.Sprintf(" for %v", spec.AttachType)
	}
	seen := fmt.Sprintf("a program that does nothing of the same type fails too (%v), a socket filter loads", errnoText(err))
	return later(fmt.Errorf("%w: %w", ebpf.ErrNotSupported, err), func() *finding {
		f := thisMachine.lacks(row, what)
		if f == nil {
			f = &finding{why: "this kernel has no " + what}
		}
		f.evidence = append([]string{seen}, f.evidence...)
		return f
	})
}

// flagRequirement returns what the flags of a program need, nil if that isn't
// known.
func flagRequirement(spec *ebpf.ProgramSpec) *requirement {
	if spec.Type == ebpf.XDP && spec.Flags == unix.BPF_F_XDP_HAS_FRAGS {
		return &requirement{since: "5.18"}
	}
	return nil
}

// loadNothing loads a program that does nothing, and closes it. It returns 1,
// which all types of programs may.
func loadNothing(spec *ebpf.ProgramSpec) error {
	spec.License = "GPL"
	spec.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}
	p, err := ebpf.NewProgramWithOptions(spec, ebpf.ProgramOptions{LogDisabled: true})
	if err != nil {
		return err
	}
	return p.Close()
}

// explainRejection explains what the verifier rejects. spec is nil if it isn't
// known which of several programs that was.
func explainRejection(spec *ebpf.ProgramSpec, log []string, err error) error {
	r := readLog(log)
	number, unknown := strings.CutPrefix(r.message, "invalid func unknown#")
	if unknown && number == strconv.Itoa(btf.COREBadRelocationSentinel) {
		return because(err, badRelocation(r))
	}
	if unknown && spec != nil {
		// kernel/bpf/verifier.c, check_helper_call: beyond the last helper.
		if f := unknownHelper(number, r); f != nil {
			return because(fmt.Errorf("%w: %w", ebpf.ErrNotSupported, err), *f)
		}
	}
	// The closure must not keep the program.
	tracing := spec != nil && isTracing(spec.Type)
	return later(err, func() *finding {
		if tracing {
			if f := thisMachine.lockedHelper(r); f != nil {
				return f
			}
		}
		return r.finding()
	})
}

// badRelocation explains the call that cilium/ebpf puts in place of what a
// CO-RE relocation couldn't be made for. The verifier only minds if the program
// gets there.
func badRelocation(r rejection) finding {
	f := *r.finding()
	f.why = "a CO-RE relocation found no match in the kernel's types (at " + r.instruction + ")"
	f.evidence = append([]string{"the verifier: " + r.message}, f.evidence...)
	f.remedy = "do without on this kernel: ask bpf_core_type_exists, bpf_core_field_exists or bpf_core_enum_value_exists first"
	return f
}

// unknownHelper explains the call of a helper that the kernel doesn't have, nil
// if the number is none of a helper.
func unknownHelper(number string, r rejection) *finding {
	n, err := strconv.Atoi(number)
	if err != nil || n <= 0 || n > int(asm.FnCgrpStorageDelete) {
		return nil
	}
	f := r.finding()
	name := helperName(n)
	f.why = "this kernel has no helper " + name + " (at " + r.instruction + ")"
	f.evidence = append([]string{"the verifier: " + r.message}, f.evidence...)
	f.remedy = "use a newer kernel, or do without: check bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_...)"
	return f
}

// helperName returns the C name of a helper.
func helperName(n int) string {
	name := asm.BuiltinFunc(n).String()
	fn, ok := strings.CutPrefix(name, "Fn")
	if !ok {
		return "number " + strconv.Itoa(n)
	}
	var b strings.Builder
	b.WriteString("bpf")
	for _, c := range fn {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// isTracing reports whether programs of a type have the helpers of tracing.
func isTracing(t ebpf.ProgramType) bool {
	switch t {
	case ebpf.Kprobe, ebpf.TracePoint, ebpf.PerfEvent, ebpf.RawTracepoint, ebpf.RawTracepointWritable, ebpf.Tracing:
		return true
	}
	return false
}

// lockedHelper explains the rejection of a helper that the kernel has, but
// gives to nobody while it is locked down.
func (m *machine) lockedHelper(r rejection) *finding {
	for _, prefix := range []string{"unknown func ", "program of this type cannot use helper "} {
		rest, ok := strings.CutPrefix(r.message, prefix)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, "#")
		if level := lockedHelpers[name]; level != "" {
			if f := m.lockedDown(level, name); f != nil {
				f.evidence = append(f.evidence, "the verifier: "+r.message)
				return f
			}
		}
	}
	return nil
}

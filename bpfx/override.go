package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// retarget returns spec with the type, attach type and target that a program
// for h is loaded with, if h tells. spec itself is not changed.
func retarget(spec *ebpf.ProgramSpec, h Hook) (*ebpf.ProgramSpec, error) {
	hook, ok := h.(interface {
		Spec(asm.Instructions) *ebpf.ProgramSpec
	})
	if !ok {
		return spec, nil
	}
	want := hook.Spec(nil)
	if want == nil || want.Type == ebpf.UnspecifiedProgram {
		return nil, fmt.Errorf("%v: no type of program is for it", h)
	}
	changed := *spec
	if spec.Type != ebpf.RawTracepointWritable || want.Type != ebpf.RawTracepoint {
		changed.Type = want.Type
	}
	changed.AttachType = want.AttachType
	if want.AttachTo != "" || changed.Type != spec.Type {
		changed.AttachTo = want.AttachTo
	}
	if want.AttachTarget != nil || changed.Type != spec.Type {
		changed.AttachTarget = want.AttachTarget
	}
	return &changed, nil
}

// checkLoadedFor returns an error if a program that was loaded as have says
// can't go where it should have been loaded as want says
// (kernel/bpf/syscall.c, bpf_prog_attach_check_attach_type).
func checkLoadedFor(have, want *ebpf.ProgramSpec) error {
	if have.Type != want.Type {
		return loadedFor(fmt.Sprint(have.Type), fmt.Sprint(want.Type))
	}
	switch have.Type {
	case ebpf.Tracing, ebpf.LSM:
		if have.AttachTo != want.AttachTo {
			return loadedFor(fmt.Sprintf("%q", have.AttachTo), fmt.Sprintf("%q", want.AttachTo))
		}
	case ebpf.Kprobe, ebpf.CGroupSock, ebpf.CGroupSockAddr, ebpf.CGroupSockopt:
	default:
		return nil // the kernel takes others, or decides by more than this
	}
	if have.AttachType != want.AttachType {
		return loadedFor(fmt.Sprint(have.AttachType), fmt.Sprint(want.AttachType))
	}
	return nil
}

func loadedFor(have, want string) error {
	return fmt.Errorf("the program was loaded for %s, and the hook needs it for %s: use LoadAndAttach", have, want)
}

package bpfx

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
)

// InitialPID returns the id of this process in the initial PID namespace, as
// programs see it and [Filter] takes it. In a container that is another one than
// [os.Getpid] returns. A test run of a program finds out.
//
// Returns an error wrapping [ebpf.ErrNotSupported] if the kernel has no such
// runs. Requires Linux 5.10, and what loading a raw tracepoint program does:
// CAP_BPF and CAP_PERFMON.
func InitialPID() (int, error) {
	spec := RawTracepoint{}.Spec(asm.Instructions{
		asm.FnGetCurrentPidTgid.Call(),
		asm.RSh.Imm(asm.R0, 32), // leaves the thread group id, and is all that a run returns
		asm.Return(),
	})
	var pid uint32
	err := WithProgram(spec, func(p *Program) error {
		res, err := p.Run(RunInput{})
		pid = res.Return
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find the PID in the initial namespace: %w", err)
	}
	return int(pid), nil
}

//go:build !linux

package bpfx

import (
	"errors"
	"runtime"

	"github.com/cilium/ebpf"
)

// platformCause explains ErrNotSupported: there is nothing else to explain
// where there is no Linux.
func platformCause(err error) *finding {
	if !errors.Is(err, ebpf.ErrNotSupported) {
		return nil
	}
	return &finding{
		why:      "loading, attaching and running programs needs Linux",
		evidence: []string{"this is " + runtime.GOOS},
		remedy:   "run it on Linux, or in a VM",
	}
}

func explainLoad(_ []*ebpf.ProgramSpec, err error) error {
	log, _ := verifierLog(err)
	return later(err, readLog(log).finding)
}

func explainAttach(_ *ebpf.Program, _ Hook, err error) error { return err }

func explainPin(err error) error { return err }

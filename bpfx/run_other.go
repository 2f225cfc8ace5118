//go:build !linux

package bpfx

import (
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
)

func run(p *ebpf.Program, in *RunInput, _ *Result) error {
	if err := ruleOf(p.Type()).check(p.Type(), in); err != nil {
		return err
	}
	return fmt.Errorf("running programs needs Linux, this is %s: %w", runtime.GOOS, ebpf.ErrNotSupported)
}

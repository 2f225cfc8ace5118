//go:build !linux

package bpfx_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

// TestNotLinux attaches to every hook where there is none.
func TestNotLinux(t *testing.T) {
	for _, h := range []bpfx.Hook{
		bpfx.XDP{}, bpfx.Tracepoint{}, bpfx.RawTracepoint{}, bpfx.SkLookup{}, bpfx.FlowDissector{},
		bpfx.SkMsg{}, bpfx.SkSkb{}, bpfx.Kprobe{}, bpfx.Kretprobe{}, bpfx.Uprobe{}, bpfx.Uretprobe{},
		bpfx.Fentry{}, bpfx.Fexit{}, bpfx.KprobeMulti{}, bpfx.KretprobeMulti{}, bpfx.KprobeSession{},
		bpfx.UprobeMulti{}, bpfx.UretprobeMulti{}, bpfx.BTFTracepoint{}, bpfx.FmodRet{}, bpfx.LSM{}, bpfx.Freplace{},
		bpfx.TCX{}, bpfx.Netkit{}, bpfx.Netfilter{}, bpfx.Cgroup{}, bpfx.PerfEvent{},
	} {
		_, err := bpfx.Attach(new(ebpf.Program), h)
		if !errors.Is(err, ebpf.ErrNotSupported) {
			t.Errorf("Attach(%v) = %v, want ErrNotSupported", h, err)
		}
		if d := bpfx.Explain(err); d == nil || !strings.Contains(d.Cause, "needs Linux") {
			t.Errorf("Explain(%v) = %v, want that it needs Linux", err, d)
		}
	}
	p := bpfx.Wrap(new(ebpf.Program))
	if _, err := p.Run(bpfx.RunInput{}); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("Run() = %v, want ErrNotSupported", err)
	}
}

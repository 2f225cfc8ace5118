//go:build !linux

package bpfx

import (
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
)

// attachOther is what every hook's Attach comes to on other systems.
func attachOther(p *ebpf.Program) (*Attachment, error) {
	return nil, fmt.Errorf("attaching needs Linux, this is %s: %w", runtime.GOOS, ebpf.ErrNotSupported)
}

func programID(*ebpf.Program) ebpf.ProgramID { return 0 }

func isBPFFS(string) bool { return false }

// Attach returns an error: attaching needs Linux.
func (XDP) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (Tracepoint) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (RawTracepoint) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (SkLookup) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (FlowDissector) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (SkMsg) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (SkSkb) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (Kprobe) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (Kretprobe) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (Uprobe) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (Uretprobe) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (Fentry) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (Fexit) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (KprobeMulti) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (KretprobeMulti) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (KprobeSession) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (UprobeMulti) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (UretprobeMulti) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (BTFTracepoint) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (FmodRet) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (LSM) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (Freplace) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (TCX) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (Netkit) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (Cgroup) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (Netfilter) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

// Attach returns an error: attaching needs Linux.
func (PerfEvent) Attach(p *ebpf.Program) (*Attachment, error) { return attachOther(p) }

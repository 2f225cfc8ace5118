package bpfx

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	kbtf "github.com/bpfx/go/internal/btf"
	"github.com/bpfx/go/internal/scope"
)

// Attach attaches p, which must be of type [ebpf.Tracing] and loaded for
// fentry. See [Attach].
func (h Fentry) Attach(p *ebpf.Program) (*Attachment, error) {
	return attachTracing(p, ebpf.AttachTraceFEntry, h.Func, h.Cookie)
}

// Attach attaches p, which must be of type [ebpf.Tracing] and loaded for
// fexit. See [Attach].
func (h Fexit) Attach(p *ebpf.Program) (*Attachment, error) {
	return attachTracing(p, ebpf.AttachTraceFExit, h.Func, h.Cookie)
}

// attachTracing attaches p, which was loaded for typ and fn.
func attachTracing(p *ebpf.Program, typ ebpf.AttachType, fn string, cookie uint64) (*Attachment, error) {
	if err := checkProgram(p, ebpf.Tracing); err != nil {
		return nil, err
	}
	l, err := link.AttachTracing(link.TracingOptions{Program: p, AttachType: typ, Cookie: cookie})
	return tracingAttachment(l, err, typ, fn)
}

// tracingAttachment makes an attachment of what cilium/ebpf returned for a
// program that should have been loaded for typ and fn.
func tracingAttachment(l link.Link, err error, typ ebpf.AttachType, fn string) (*Attachment, error) {
	if errors.Is(err, unix.ENOENT) {
		// kernel/bpf/syscall.c, bpf_tracing_prog_attach: the program gave its
		// trampoline away.
		err = because(err, finding{
			why:    "it was attached before, and kernels before 5.13 attach it only once",
			remedy: "load it again",
		})
	}
	if err != nil {
		return nil, err
	}
	// On old kernels cilium/ebpf falls back to a call that attaches wherever
	// the program was loaded for.
	if err := checkTarget(l, typ, fn); err != nil {
		return nil, scope.Join(err, scope.CloseAlive(l))
	}
	return NewAttachment(l), nil
}

// checkTarget returns an error if l attached a program elsewhere than to typ
// and fn. What the kernel doesn't tell (before Linux 5.13, and without
// CAP_SYS_ADMIN: the function) is taken for right.
func checkTarget(l link.Link, typ ebpf.AttachType, fn string) error {
	info, err := l.Info()
	if err != nil {
		return err
	}
	if rt := info.RawTracepoint(); rt != nil { // what a tp_btf program gets
		return checkTracepoint(rt.Name, typ, fn)
	}
	t := info.Tracing()
	if t == nil {
		return nil
	}
	if got := ebpf.AttachType(t.AttachType); got != typ {
		return fmt.Errorf("the program was loaded for %v, not for %v", got, typ)
	}
	if fn == "" || t.TargetBtfId == 0 || !isKernelBTF(t.TargetObjectId) {
		return nil
	}
	kernel, err := kbtf.Shared.Cache().Kernel()
	if err != nil {
		return nil // nothing to compare with
	}
	target, _ := kernel.TypeByID(t.TargetBtfId)
	if f, ok := target.(*btf.Func); ok && f.Name != fn {
		return fmt.Errorf("the program was loaded for function %q, not for %q", f.Name, fn)
	}
	return nil
}

// isKernelBTF reports whether id is known to be of the kernel's own BTF, and not
// of a module's or of a program.
func isKernelBTF(id uint32) bool {
	h, err := btf.NewHandleFromID(btf.ID(id))
	if err != nil {
		return false // no such BTF, or not permitted
	}
	defer h.Close() // only asked
	info, err := h.Info()
	return err == nil && info.IsVmlinux()
}

// checkTracepoint is checkTarget for a program that was attached to the
// tracepoint got.
func checkTracepoint(got string, typ ebpf.AttachType, want string) error {
	if typ != ebpf.AttachTraceRawTp {
		return fmt.Errorf("the program was loaded for %v, not for %v", ebpf.AttachTraceRawTp, typ)
	}
	if want != "" && got != want {
		return fmt.Errorf("the program was loaded for tracepoint %q, not for %q", got, want)
	}
	return nil
}

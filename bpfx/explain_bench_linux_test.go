package bpfx

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/testutil"
)

// BenchmarkExplainSymbol explains that a function doesn't exist: most of it is
// the kernel printing /proc/kallsyms.
func BenchmarkExplainSymbol(b *testing.B) {
	for b.Loop() {
		if thisMachine.kprobeFailed("tcp_v4_conect", 0, unix.ENOENT) == nil {
			b.Fatal("no cause")
		}
	}
}

// BenchmarkAttachFails attaches to what doesn't exist and never prints the
// error, with this package and without.
func BenchmarkAttachFails(b *testing.B) {
	testutil.NeedRoot(b)
	h := RawTracepoint{Name: "bpfx_nonexistent"}
	p, err := ebpf.NewProgram(h.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	b.Run("bpfx", func(b *testing.B) {
		for b.Loop() {
			if _, err := Attach(p, h); err == nil {
				b.Fatal("it was attached")
			}
		}
	})
	b.Run("cilium", func(b *testing.B) {
		for b.Loop() {
			if _, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: h.Name, Program: p}); err == nil {
				b.Fatal("it was attached")
			}
		}
	})
}

package bpfx_test

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// The names of benchmarks end in who does the work; the program in bench/
// compares them.

func BenchmarkLoad(b *testing.B) {
	testutil.NeedRoot(b)
	for _, bb := range []struct {
		name string
		spec *ebpf.ProgramSpec
	}{
		{"xdp", xdpSpec(2)},
		{"iter", iterSpec()},
	} {
		b.Run(bb.name+"/cilium", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := ebpf.NewProgram(bb.spec)
				if err != nil {
					b.Fatal(err)
				}
				p.Close()
			}
		})
		b.Run(bb.name+"/bpfx", func(b *testing.B) {
			mustLoad(b, bb.spec) // the first decodes the kernel's BTF
			b.ReportAllocs()
			for b.Loop() {
				p, err := bpfx.Load(bb.spec, nil)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAttach(b *testing.B) {
	testutil.Netns(b)
	lo := loopback(b)
	for _, bb := range []struct {
		name   string
		hook   hook
		cilium func(*ebpf.Program) (link.Link, error)
	}{
		{"raw_tracepoint", bpfx.RawTracepoint{Name: "sched_process_fork"}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sched_process_fork", Program: p})
		}},
		{"xdp", bpfx.XDP{Index: lo}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachXDP(link.XDPOptions{Program: p, Interface: lo})
		}},
	} {
		b.Run(bb.name+"/cilium", func(b *testing.B) {
			testutil.Netns(b)
			p := mustLoad(b, bb.hook.Spec(ret(2)))
			b.ReportAllocs()
			for b.Loop() {
				l, err := bb.cilium(p.Program)
				if err != nil {
					b.Fatal(err)
				}
				l.Close()
			}
		})
		b.Run(bb.name+"/bpfx", func(b *testing.B) {
			testutil.Netns(b)
			p := mustLoad(b, bb.hook.Spec(ret(2)))
			b.ReportAllocs()
			for b.Loop() {
				a, err := p.Attach(bb.hook)
				if err != nil {
					b.Fatal(err)
				}
				if err := a.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRun(b *testing.B) {
	testutil.NeedRoot(b)
	tc := &ebpf.ProgramSpec{Type: ebpf.SchedCLS, Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}, License: "GPL"}
	for _, bb := range []struct {
		name    string
		spec    *ebpf.ProgramSpec
		context any
	}{
		{"xdp", xdpSpec(2), nil},
		{"tc with context", tc, &bpfx.SKBContext{Mark: 1}},
	} {
		in, out := frame(64), make([]byte, 512)
		b.Run(bb.name+"/cilium", func(b *testing.B) {
			p := mustLoad(b, bb.spec)
			var contextOut any
			if bb.context != nil {
				contextOut = new(bpfx.SKBContext)
			}
			b.ReportAllocs()
			for b.Loop() {
				opts := ebpf.RunOptions{Data: in, DataOut: out, Context: bb.context, ContextOut: contextOut}
				if _, err := p.Program.Run(&opts); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bb.name+"/bpfx", func(b *testing.B) {
			p := mustLoad(b, bb.spec)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Run(bpfx.RunInput{Data: in, DataOut: out, Context: bb.context}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

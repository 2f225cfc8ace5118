package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	bpfiter "github.com/bpfx/go/bpfx/iter"
	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/bpfx/testpkt"
)

// abilities are what programs can do besides being attached.
var abilities = []struct {
	name string
	try  func() (detail string, err error)
}{
	{"test run", testRun},
	{"tail call", tailCall},
	{"iterator", iterate},
	{"struct_ops types", structOps},
}

// testRun runs a program on a packet.
func testRun() (detail string, err error) {
	err = bpfx.WithProgram(bpfx.XDP{}.Spec(trivial(xdpPass)), func(p *bpfx.Program) error {
		res, err := p.Run(bpfx.RunInput{Data: testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.UDP{}), Repeat: 1000})
		detail = fmt.Sprintf("%s, %v a run", res.Verdict, res.Duration)
		return err
	})
	return detail, err
}

// tailCall runs a program that jumps to another one.
func tailCall() (detail string, err error) {
	return "", bpfx.WithProgram(bpfx.XDP{}.Spec(trivial(xdpPass)), func(next *bpfx.Program) error {
		stages, err := ebpf.NewMap(&ebpf.MapSpec{
			Name: "bpfx_doctor", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1,
			Contents: []ebpf.MapKV{{Key: uint32(0), Value: next.Program}},
		})
		if err != nil {
			return err
		}
		defer stages.Close() // holds next only
		entry := bpfx.XDP{}.Spec(asm.Instructions{
			asm.LoadMapPtr(asm.R2, stages.FD()),
			asm.Mov.Imm(asm.R3, 0),
			asm.FnTailCall.Call(),
			asm.Mov.Imm(asm.R0, 0), // reached if the call found nothing
			asm.Return(),
		})
		return bpfx.WithProgram(entry, func(p *bpfx.Program) error {
			res, err := p.Run(bpfx.RunInput{Data: make([]byte, 64)})
			if err == nil && res.Return != xdpPass {
				err = errors.New("the call fell through")
			}
			return err
		})
	})
}

// iterate reads an iterator over all tasks to its end.
func iterate() (detail string, err error) {
	spec := bpfiter.Spec("task", trivial(0))
	spec.Name = "bpfx_doctor"
	return "", bpfiter.With(spec, nil, func(it *bpfiter.Iterator) error {
		_, err := it.ReadAll()
		return err
	})
}

// structOps lists the kinds of kernel interfaces that programs can implement.
func structOps() (detail string, err error) {
	types, err := structops.Types()
	if err != nil {
		return "", err
	}
	if len(types) == 0 {
		return "", errors.New("this kernel has none")
	}
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name
	}
	return strings.Join(names, ", "), nil
}

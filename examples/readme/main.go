package main

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
)

func main() {
	drop := bpfx.XDP{}.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()})
	err := bpfx.WithProgram(drop, func(p *bpfx.Program) error {
		syn := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{Flags: testpkt.SYN})
		res, err := p.Run(bpfx.RunInput{Data: syn})
		fmt.Println(res.Verdict, err) // XDP_DROP <nil>
		return err
	})
	if err != nil {
		panic(err)
	}
}

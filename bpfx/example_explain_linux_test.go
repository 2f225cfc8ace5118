package bpfx_test

import (
	"fmt"
	"log"

	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
)

// Why a probe can't be attached, and what to do. The misspelt function gives
//
//	attach to kprobe "tcp_v4_conect": no such file or directory
//	  cause: no function of that name (nearest: tcp_v4_connect)
//	  seen: /proc/kallsyms: none of 144142 functions is tcp_v4_conect
//	  remedy: did you mean tcp_v4_connect?
func ExampleExplain() {
	hook := bpfx.Kprobe{Symbol: "tcp_v4_conect"}
	p, err := bpfx.Load(hook.Spec(asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}), nil)
	if err != nil {
		log.Fatal(bpfx.Explain(err))
	}
	defer p.Close()
	if _, err := p.Attach(hook); err != nil {
		if d := bpfx.Explain(err); d != nil {
			fmt.Println(d)
		} else {
			fmt.Println(err)
		}
	}
}

//go:build linux && (amd64 || arm64)

package faults

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
)

// runOps run programs of each type that the kernel can run.
var runOps = []op{
	runOp("xdp", "4.12", bpfx.XDP{}.Spec(returning(1)), bpfx.RunInput{Data: frame()}, "XDP_DROP"),
	runOp("tc", "4.12", bpfx.TCX{}.Spec(returning(2)), bpfx.RunInput{Data: frame(), Repeat: 3}, ""),
	runOp("socket_filter", "4.12", typed(ebpf.SocketFilter, 0, 1), bpfx.RunInput{Data: frame()}, ""),
	runOp("cgroup_skb", "4.12", bpfx.Cgroup{AttachType: ebpf.AttachCGroupInetEgress}.Spec(returning(1)), bpfx.RunInput{Data: frame()}, ""),
	runOp("flow_dissector", "5.0", typed(ebpf.FlowDissector, ebpf.AttachFlowDissector, 2), bpfx.RunInput{Data: frame()}, ""),
	runOp("raw_tracepoint", "5.10", typed(ebpf.RawTracepoint, 0, 5), bpfx.RunInput{}, ""),
	runOp("sk_lookup", "5.13", bpfx.SkLookup{}.Spec(returning(1)), bpfx.RunInput{Context: bpfx.SKLookupContext{Family: unix.AF_INET}}, ""),
	runOp("syscall", "5.14", syscallSpec(), bpfx.RunInput{Context: make([]byte, 8)}, ""),
	runOp("netfilter", "6.5", bpfx.Netfilter{}.Spec(returning(1)), bpfx.RunInput{Data: ipv4()}, ""),
}

func typed(typ ebpf.ProgramType, attach ebpf.AttachType, ret int32) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: typ, AttachType: attach, License: "GPL", Instructions: returning(ret)}
}

func syscallSpec() *ebpf.ProgramSpec {
	s := typed(ebpf.Syscall, 0, 3)
	s.Flags = unix.BPF_F_SLEEPABLE
	return s
}

// ipv4 is an IPv4 packet in an Ethernet frame.
func ipv4() []byte {
	b := frame()
	binary.BigEndian.PutUint16(b[12:], unix.ETH_P_IP)
	b[14] = 0x45
	return b
}

// runOp runs a program that returns a constant.
func runOp(name, since string, spec *ebpf.ProgramSpec, in bpfx.RunInput, verdict string) op {
	spec.Name = "faults"
	ret := uint32(spec.Instructions[0].Constant)
	o := op{name: "Run of " + name, since: since}
	if spec.Type == ebpf.Netfilter {
		o.configs = []string{"CONFIG_NETFILTER_BPF_LINK"}
	}
	o.run = func(*env) error {
		return bpfx.WithProgram(spec, func(p *bpfx.Program) error {
			for range 2 {
				res, err := p.Run(in)
				if err != nil {
					return err
				}
				if res.Return != ret || verdict != "" && res.Verdict != verdict || res.Runs != int(max(in.Repeat, 1)) {
					return fmt.Errorf("%w: %+v, want a return of %d", errLie, res, ret)
				}
			}
			return nil
		})
	}
	return o
}

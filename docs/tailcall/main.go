// Tailcall builds a pipeline of tail calls and replaces a stage of it. Its guide
// is README.md.
//
// It needs root and Linux 5.10, attaches nothing and leaves nothing behind.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/bpfx/testpkt"
)

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cflags "-O2 -Wall -Werror" Pipeline pipeline.c -- -I/usr/include/x86_64-linux-gnu

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tailcall:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	object, err := LoadPipeline()
	if err != nil {
		return err
	}
	spec, err := tailcall.FromCollectionSpec(object, nil)
	if err != nil {
		return err
	}
	spec.Strict = true // refuse warnings too
	fmt.Fprintln(w, spec.Graph())
	return tailcall.With(spec, func(c *tailcall.Chain) error {
		if err := send(w, c, "before"); err != nil {
			return err
		}
		err := c.Swap(map[uint32]*ebpf.ProgramSpec{0: object.Programs["ipv4_v2"]})
		if err != nil {
			return err
		}
		return send(w, c, "after")
	})
}

// send runs a packet that has come too far through the chain.
func send(w io.Writer, c *tailcall.Chain, when string) error {
	tired := testpkt.MustBuild(testpkt.Ethernet{}, testpkt.IPv4{TTL: 1}, testpkt.UDP{})
	res, err := c.Entry().Run(bpfx.RunInput{Data: tired})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %s\n", when, res.Verdict)
	return nil
}

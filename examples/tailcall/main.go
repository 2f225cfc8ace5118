// Tailcall runs packets through an XDP program of many stages that tail-call
// each other, and replaces a stage while packets go through.
//
// It shows making a chain of an object file, the graph of its calls, test runs
// whose path is seen from the stamps that each stage leaves, and Swap: no packet
// is lost or takes a wrong turn meanwhile. It needs root and Linux 5.10, attaches
// nothing and leaves nothing behind:
//
//	go run ./examples/tailcall
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/examples/tailcall/pipeline"
)

// inVM is what those do whose own machine won't run it.
const inVM = "a VM: go run ./vmtest -kernels 6.12 -- go run ./examples/tailcall"

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tailcall:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	switch {
	case runtime.GOOS != "linux":
		return fmt.Errorf("BPF needs Linux, this is %s", runtime.GOOS)
	case os.Geteuid() != 0:
		return errors.New("loading BPF programs needs root: run it with sudo, or " + inVM)
	}
	object, err := pipeline.LoadPipeline()
	if err != nil {
		return err
	}
	spec, err := tailcall.FromCollectionSpec(object, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "What Check says before anything is loaded:\n%v\n\n", spec.Findings())
	err = tailcall.With(spec, func(c *tailcall.Chain) error {
		fmt.Fprintf(w, "The chain, %d slots in two arrays:\n%v\n\n", c.Len()+c.Nested(pipeline.PipelineMapVerdicts).Len(), c.Graph())
		if err := paths(w, c); err != nil {
			return err
		}
		return replace(w, c, object.Programs[pipeline.PipelineProgUdp], object.Programs[pipeline.PipelineProgUdpV2])
	})
	if errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("this kernel lacks what the example needs (Linux 5.10 with BPF), try %s: %w", inVM, err)
	}
	return err
}

// paths runs each packet once, and prints its way.
func paths(w io.Writer, c *tailcall.Chain) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "PACKET\tVERDICT\tPATH")
	for _, p := range packets {
		got, err := send(c, p.bytes(), nil)
		if err != nil {
			return err
		}
		if want := p.expect(1); got.String() != want.String() {
			return fmt.Errorf("%s: %v, want %v", p.name, got, want)
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\n", p.name, got.verdict, strings.Join(got.path, " > "))
	}
	return tab.Flush()
}

// send runs the chain over a packet and reads the stamps.
func send(c *tailcall.Chain, packet, buffer []byte) (route, error) {
	res, err := c.Entry().Run(bpfx.RunInput{Data: packet, DataOut: buffer})
	if err != nil {
		return route{}, err
	}
	return readRoute(res.Verdict, res.Data, packet)
}

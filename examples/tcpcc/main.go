// Tcpcc moves TCP data with congestion controls of the kernel and of its own,
// one in Go and one in C, swaps one for the other while connections run, and
// draws their windows:
//
//	go run ./examples/tcpcc
//	go run ./examples/tcpcc -for 5s -svg cwnd.svg
//
// Everything happens over the loopback interface of a network namespace of its
// own. With tc and sch_netem that is a path of 20 Mbit/s and 20 ms; without, it
// is as fast as the machine, and the windows tell little. It needs root and
// Linux 5.6, for the swap 6.4, and leaves nothing behind.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/examples/tcpcc/aimd"
	"github.com/bpfx/go/internal/netns"
)

func main() {
	var o options
	flag.DurationVar(&o.each, "for", 3*time.Second, "how long to send with each congestion control")
	flag.StringVar(&o.svg, "svg", "", "also draw the windows to this file")
	flag.Parse()
	if err := run(os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "tcpcc:", err)
		if d := bpfx.Explain(err); d != nil {
			fmt.Fprintln(os.Stderr, d)
		}
		os.Exit(1)
	}
}

type options struct {
	each time.Duration
	svg  string
}

// The names of our own congestion controls.
const (
	inGo = "bpfx_aimd"
	inC  = "bpfx_aimd_c"
)

func run(w io.Writer, o options) error {
	const inVM = "a VM: go run ./vmtest -kernels 6.12 -- go run ./examples/tcpcc"
	switch {
	case runtime.GOOS != "linux":
		return fmt.Errorf("BPF needs Linux, this is %s", runtime.GOOS)
	case os.Geteuid() != 0:
		return errors.New("congestion controls need root: run it with sudo, or in " + inVM)
	case o.each < 100*time.Millisecond:
		return fmt.Errorf("%v is too short to see anything", o.each)
	}
	before, err := structops.AvailableTCPCC()
	if err != nil {
		return err
	}
	if err := netns.Do(func() error { return show(w, o, before) }); err != nil {
		return err
	}
	after, err := structops.AvailableTCPCC()
	if err != nil {
		return err
	}
	if !slices.Equal(before, after) {
		return fmt.Errorf("there were congestion controls %v, now there are %v", before, after)
	}
	fmt.Fprintf(w, "\nThe congestion controls are as they were: %s.\n", strings.Join(after, ", "))
	return nil
}

// show does it all, in a network namespace of its own.
func show(w io.Writer, o options, available []string) (err error) {
	fmt.Fprintf(w, "Path: %s.\n\n", shape())
	sink, err := listen()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sink.close()) }()
	results, err := compare(sink, o.each, available)
	if err != nil {
		return err
	}
	printTable(w, results)
	curves := make([]curve, len(results))
	for i, r := range results {
		curves[i] = r.curve
	}
	fmt.Fprintln(w, "\nCongestion windows over time, in segments:")
	printChart(w, curves, o.each)
	swap, err := swapLive(w, sink, o.each)
	if err != nil {
		return err
	}
	if o.svg == "" {
		return nil
	}
	if err := os.WriteFile(o.svg, drawSVG(curves, swap, o.each), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nDrawn to %s.\n", o.svg)
	return nil
}

// compare sends with each congestion control in turn.
func compare(sink *sink, each time.Duration, available []string) ([]result, error) {
	var results []result
	for _, name := range []string{"reno", "cubic", "bbr"} {
		if !slices.Contains(available, name) {
			continue // not loaded, and loading a module would stay
		}
		r, err := measure(sink, name, "the kernel", each)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	for _, own := range []struct {
		name, by string
		spec     func(string) (*structops.Spec, error)
	}{{inGo, "Go", aimd.Spec}, {inC, "C", aimd.FromC}} {
		spec, err := own.spec(own.name)
		if err != nil {
			return nil, err
		}
		err = structops.WithRegistered(spec, func(ops *structops.Ops) error {
			r, err := measure(sink, own.name, own.by, each)
			if err != nil {
				return err
			}
			r.calls, err = calls(ops)
			results = append(results, r)
			if err == nil && (r.calls[aimd.Init] != 1 || r.calls[aimd.CongAvoid] == 0) {
				err = fmt.Errorf("callbacks of %s were called %v times", own.name, r.calls)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

// calls returns how often each callback was called.
func calls(ops *structops.Ops) ([]uint64, error) {
	counts := make([]uint64, len(aimd.Names))
	for i := range counts {
		if err := ops.Maps[aimd.Calls].Lookup(uint32(i), &counts[i]); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

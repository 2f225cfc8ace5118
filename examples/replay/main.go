// Replay runs an XDP or tc program over the packets of a capture and tells what
// it did with them: how often each verdict came out, which packets took it
// longest, and which ones it changed, and how.
//
// It shows pcap files in and out, Replay, Diff, and loading programs from object
// files. It needs root and Linux 5.10, attaches nothing and leaves nothing
// behind. Without arguments it runs the router in examples/replay/router over
// the capture in examples/replay/sample:
//
//	go run ./examples/replay
//	go run ./examples/replay -object firewall.o -program ingress -changed changed.pcap capture.pcap
package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/examples/replay/router"
	"github.com/bpfx/go/examples/replay/sample"
)

// inVM is what those do whose own machine won't run it.
const inVM = "a VM: go run ./vmtest -kernels 6.12 -- go run ./examples/replay"

// mostRepeat is some tenths of a second for each packet.
const mostRepeat = 10_000_000

// options are those of the command line.
type options struct {
	object, program string // "": the router
	capture         string // "": the sample
	changed         string // where changed packets are written; "": nowhere
	repeat          uint   // how often each packet is run to time it
}

func main() {
	var opts options
	flag.StringVar(&opts.object, "object", "", "object `file` with the program (default: a router)")
	flag.StringVar(&opts.program, "program", "", "`name` of the program in the object, if it has several")
	flag.StringVar(&opts.changed, "changed", "", "`file` to write the packets to that the program changed")
	flag.UintVar(&opts.repeat, "repeat", 1000, "how often to run each packet to time it, which XDP programs need 16 ms for; 0 is for large captures, and less exact")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: replay [flags] [capture.pcap]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if opts.capture = flag.Arg(0); flag.NArg() > 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, opts); err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, opts options) error {
	switch {
	case runtime.GOOS != "linux":
		return fmt.Errorf("BPF needs Linux, this is %s", runtime.GOOS)
	case os.Geteuid() != 0:
		return errors.New("loading BPF programs needs root: run it with sudo, or " + inVM)
	case opts.repeat > mostRepeat:
		return fmt.Errorf("-repeat %d, at most %d", opts.repeat, mostRepeat)
	case sameFile(opts.capture, opts.changed):
		return fmt.Errorf("-changed %s would overwrite the capture", opts.changed)
	}
	return withProgram(opts, func(prog *bpfx.Program) error {
		return withCapture(opts, func(capture *testpkt.PcapReader) error {
			fmt.Fprintf(w, "Running %v over %s.\n\n", prog.Program, cmp.Or(opts.capture, "a capture that was made for it"))
			r := &results{out: w, repeat: opts.repeat}
			err := replay(prog, capture, opts, r)
			r.print()
			return err
		})
	})
}

// sameFile reports whether both files are there and are one.
func sameFile(a, b string) bool {
	aInfo, aErr := os.Stat(a)
	bInfo, bErr := os.Stat(b)
	return aErr == nil && bErr == nil && os.SameFile(aInfo, bInfo)
}

// withProgram loads the program of the command line.
func withProgram(opts options, fn func(*bpfx.Program) error) (err error) {
	if opts.object == "" {
		spec, err := router.LoadRouter()
		if err != nil {
			return err
		}
		return bpfx.WithCollection(spec, func(c *bpfx.Collection) error {
			return fn(c.Programs[router.RouterProgRouter])
		})
	}
	prog, err := bpfx.LoadELF(opts.object, opts.program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, prog.Close()) }()
	return fn(prog)
}

// withCapture opens the capture of the command line.
func withCapture(opts options, fn func(*testpkt.PcapReader) error) error {
	from := io.Reader(bytes.NewReader(sample.Pcap))
	if opts.capture != "" {
		f, err := os.Open(opts.capture)
		if err != nil {
			return err
		}
		defer f.Close()
		from = f
	}
	capture, err := testpkt.NewPcapReader(from)
	if err != nil {
		return err
	}
	return fn(capture)
}

// replay runs the program over the capture, collects what came of it, and
// writes what it changed to a file if that is asked for.
func replay(prog testpkt.Runner, capture *testpkt.PcapReader, opts options, r *results) (err error) {
	write := func(testpkt.Replayed) error { return nil }
	if opts.changed != "" {
		f, err := os.Create(opts.changed)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		to, err := testpkt.NewPcapWriter(f, testpkt.LinkTypeEthernet, testpkt.PcapFormat{})
		if err != nil {
			return err
		}
		write = func(p testpkt.Replayed) error {
			return to.Write(testpkt.PcapPacket{Time: p.Time, Data: p.Output})
		}
	}
	r.report, err = testpkt.Replay(prog, capture, &testpkt.ReplayOptions{
		Time: uint32(opts.repeat),
		Each: func(p testpkt.Replayed) error {
			r.add(p)
			if !p.Changed {
				return nil
			}
			return write(p)
		},
	})
	return err
}

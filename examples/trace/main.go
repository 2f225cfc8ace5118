// Trace prints who passes by places of the kernel and of user programs, and
// counts them, until ^C or for a while:
//
//	go run ./examples/trace fentry/tcp_connect tracepoint/sched/sched_process_exec
//	go run ./examples/trace -pid 1234 -for 5s kprobe/do_sys_openat2
//	go run ./examples/trace 'kprobe.multi/tcp_v?_connect' uprobe//bin/bash:readline
//
// Places are written as in section names. It shows bpfx.LoadAndAttach with
// programs made without a compiler, bpfx.Filter and bpfx.Explain. It needs root
// and Linux 5.8; what else a place needs, go run ./examples/doctor tells.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/bpfx/go/bpfx"
)

func main() {
	var o options
	flag.IntVar(&o.pid, "pid", 0, "only this process, by its number in the initial PID namespace")
	flag.DurationVar(&o.limit, "for", 0, "how long to trace; until ^C by default")
	flag.Usage = usage
	flag.Parse()
	if flag.NArg() == 0 {
		usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := trace(ctx, os.Stdout, o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "trace:", err)
		if d := bpfx.Explain(err); d != nil { // err tells the cause already
			for _, seen := range d.Evidence {
				fmt.Fprintln(os.Stderr, "  seen:", seen)
			}
			if d.Remedy != "" {
				fmt.Fprintln(os.Stderr, "  remedy:", d.Remedy)
			}
		}
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintf(flag.CommandLine.Output(), "usage: trace [-pid PID] [-for DURATION] PLACE...\n\nA place is one of:\n")
	for _, k := range kinds {
		fmt.Fprintf(flag.CommandLine.Output(), "  %s\n", k.usage)
	}
	fmt.Fprintln(flag.CommandLine.Output())
	flag.PrintDefaults()
}

type options struct {
	pid   int           // 0: all
	limit time.Duration // 0: none
}

// trace attaches a program to each place and prints its events until ctx is
// cancelled or the time is over.
func trace(ctx context.Context, w io.Writer, o options, places []string) error {
	switch {
	case runtime.GOOS != "linux":
		return fmt.Errorf("BPF needs Linux, this is %s", runtime.GOOS)
	case o.pid < 0 || o.limit < 0:
		return errors.New("-pid and -for take positive numbers")
	}
	spec, err := collection(places, bpfx.Filter{PID: o.pid})
	if err != nil {
		return err
	}
	return bpfx.WithAttachedAll(spec, &bpfx.AttachOptions{PID: o.pid}, func(a *bpfx.Attached) error {
		fmt.Fprintln(w, a)
		if o.limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, o.limit)
			defer cancel()
		}
		if err := printEvents(ctx, w, a.Collection, places); err != nil {
			return err
		}
		return printCounts(w, a.Collection, places)
	})
}

// printCounts prints how many events there were at each place.
func printCounts(w io.Writer, c *bpfx.Collection, places []string) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "\nPLACE\tEVENTS\tNOT PRINTED")
	for i, place := range places {
		var n count
		if err := c.Maps[countsMap].Lookup(uint32(i), &n); err != nil {
			return fmt.Errorf("read the counts: %w", err)
		}
		fmt.Fprintf(tab, "%s\t%d\t%d\n", place, n.Events, n.Lost)
	}
	return tab.Flush()
}

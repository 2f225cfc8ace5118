// Ps lists the processes of the machine, as ps -ef does, without reading a file of
// /proc for each: the kernel hands over all of them in a few reads.
//
// It shows bpfiter.Tasks, whose records need no C and no knowledge of the kernel.
// With -T it lists threads. It needs root and Linux 5.10, and leaves nothing
// behind:
//
//	go run ./examples/ps
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/cilium/ebpf"

	bpfiter "github.com/bpfx/go/bpfx/iter"
)

// inVM is what those do whose own machine won't run it.
const inVM = "a VM: go run ./vmtest -kernels 6.12 -- go run ./examples/ps"

func main() {
	threads := flag.Bool("T", false, "list threads, with their number in column SPID")
	flag.Parse()
	if err := run(os.Stdout, *threads); err != nil {
		fmt.Fprintln(os.Stderr, "ps:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, threads bool) error {
	switch {
	case runtime.GOOS != "linux":
		return fmt.Errorf("BPF needs Linux, this is %s", runtime.GOOS)
	case os.Geteuid() != 0:
		return errors.New("loading BPF programs needs root: run it with sudo, or " + inVM)
	}
	rows, err := list(threads)
	if errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("this kernel lacks what the example needs (Linux 5.10 with BPF and BTF), try %s: %w", inVM, err)
	}
	if err != nil {
		return err
	}
	clock, err := newClock()
	if err != nil {
		return err
	}
	return render(w, rows, threads, clock)
}

// list reads all tasks, and makes one row of the threads of a process unless they
// are asked for.
func list(threads bool) ([]bpfiter.TaskInfo, error) {
	var rows []bpfiter.TaskInfo
	first := make(map[int32]int) // where in rows a process is
	for t, err := range bpfiter.Tasks() {
		if err != nil {
			return nil, err
		}
		if threads {
			rows = append(rows, t)
			continue
		}
		at, known := first[t.PID]
		switch {
		case !known:
			first[t.PID] = len(rows)
			t.CPUTime += t.ExitedTime
			rows = append(rows, t)
		case t.TID == t.PID: // the one that names the process came late
			t.CPUTime += rows[at].CPUTime
			rows[at] = t
		default:
			rows[at].CPUTime += t.CPUTime
		}
	}
	return rows, nil
}

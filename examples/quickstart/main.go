// Quickstart runs an XDP firewall over built packets, then attaches it to a
// network namespace of its own and sends real datagrams through it.
//
// It shows loading an object, test runs, attaching and scopes. It needs root
// and Linux 5.9, changes nothing outside its own namespace, and leaves nothing
// behind:
//
//	go run ./examples/quickstart
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/examples/quickstart/firewall"
)

// inVM is what those do whose own machine won't run it.
const inVM = "a VM: go run ./vmtest -kernels 6.12 -- go run ./examples/quickstart"

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
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
	spec, err := firewall.LoadFirewall()
	if err != nil {
		return err
	}
	var prog *bpfx.Program
	err = bpfx.WithCollection(spec, func(c *bpfx.Collection) error {
		prog = c.Programs[firewall.FirewallProgFirewall]
		if err := block(c); err != nil {
			return err
		}
		if err := testRuns(w, prog); err != nil {
			return err
		}
		return live(w, prog, c.Maps[firewall.FirewallMapPackets])
	})
	if errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("this kernel lacks what the example needs (Linux 5.9 with BPF), try %s: %w", inVM, err)
	}
	if err != nil {
		return err
	}
	return gone(w, prog)
}

// gone waits until the kernel has freed the program.
func gone(w io.Writer, prog *bpfx.Program) error {
	for end := time.Now().Add(10 * time.Second); prog.Loaded(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return errors.New("the program is still loaded")
		}
	}
	fmt.Fprintln(w, "\nDetached and unloaded: nothing is left behind.")
	return nil
}

// Mapdump prints the entries of a map of the machine, as bpftool map dump does,
// with the names and types that the map's BTF has for keys and values.
//
// It shows bpfiter.Dump for maps that nobody knows before, through bpfiter.Raw:
// the fastest way to read each, values per CPU included. It needs root and Linux
// 5.10, and changes nothing:
//
//	go run ./examples/mapdump                          # which maps there are
//	go run ./examples/mapdump 42                       # by id
//	go run ./examples/mapdump connections              # by name
//	go run ./examples/mapdump /sys/fs/bpf/connections  # by the path of a pin
//	go run ./examples/mapdump -json 42
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
)

// inVM is what those do whose own machine won't run it.
const inVM = "a VM: go run ./vmtest -kernels 6.12 -- go run ./examples/mapdump"

func main() {
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: mapdump [-json] [MAP]\n\nMAP is the id of a map, its name, or the path of a pin, with a slash.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(os.Stdout, flag.Args(), *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "mapdump:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, args []string, asJSON bool) error {
	switch {
	case runtime.GOOS != "linux":
		return fmt.Errorf("BPF needs Linux, this is %s", runtime.GOOS)
	case os.Geteuid() != 0:
		return fmt.Errorf("reading maps needs root: run it with sudo, or %s", inVM)
	case len(args) > 1:
		return fmt.Errorf("one map at a time, there are %d arguments", len(args))
	case len(args) == 0:
		return list(w, asJSON)
	}
	m, err := open(args[0])
	if err != nil {
		return err
	}
	defer m.Close() // was read only
	return dump(w, m, asJSON)
}

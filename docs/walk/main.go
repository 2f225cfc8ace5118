// Walk reads tasks, a map and open files through BPF iterators. Its guide is
// README.md.
//
// It needs root and Linux 6.1, changes nothing and leaves nothing behind.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/cilium/ebpf"

	bpfiter "github.com/bpfx/go/bpfx/iter"
)

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cflags "-O2 -Wall -Werror" Files files.c -- -I/usr/include/x86_64-linux-gnu

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "walk:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	for _, step := range []func(io.Writer) error{tasks, entries, files} {
		if err := step(w); err != nil {
			return err
		}
	}
	return nil
}

// tasks counts what runs.
func tasks(w io.Writer) error {
	var threads, kernel int
	for t, err := range bpfiter.Tasks() {
		if err != nil {
			return err
		}
		threads++
		if t.KernelThread {
			kernel++
		}
	}
	fmt.Fprintf(w, "%d threads, %d of them the kernel's own\n", threads, kernel)
	return nil
}

// counters are what the entries of the map below hold.
type counters struct {
	Packets, Bytes uint64
}

// entries adds up the entries of a map.
func entries(w io.Writer) error {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 16, MaxEntries: 1000})
	if err != nil {
		return err
	}
	defer m.Close()
	for i := range uint32(1000) {
		if err := m.Put(i, counters{Packets: 1, Bytes: 64}); err != nil {
			return err
		}
	}

	var sum counters
	for e, err := range bpfiter.Map[uint32, counters](m) {
		if err != nil {
			return err
		}
		sum.Packets += e.Value.Packets
		sum.Bytes += e.Value.Bytes
	}
	fmt.Fprintf(w, "%d packets, %d bytes\n", sum.Packets, sum.Bytes)
	return nil
}

// record is what the program in files.c writes.
type record struct {
	PID, FD  uint32
	Position uint64
	Mode     uint32
	_        uint32
}

// files lists the open files of this process.
func files(w io.Writer) error {
	spec, err := LoadFiles()
	if err != nil {
		return err
	}
	self := &bpfiter.Options{Task: bpfiter.Task{PID: os.Getpid()}}
	for r, err := range bpfiter.Walk[record](spec.Programs["files"], self) {
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "file %d: mode %o, at byte %d\n", r.FD, r.Mode, r.Position)
	}
	return nil
}

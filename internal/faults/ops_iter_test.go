//go:build linux && (amd64 || arm64)

package faults

import (
	"errors"
	stditer "iter"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/bpfx/go/bpfx"
	bpfiter "github.com/bpfx/go/bpfx/iter"
)

// iterOps read through iterators, and look for what must be there.
var iterOps = []op{
	{name: "iter.Targets", since: "5.9", run: func(*env) error {
		targets, err := bpfiter.Targets()
		if err != nil {
			return err
		}
		return want("targets", len(targets) > 5, true)
	}},
	{name: "iter.Tasks", since: "5.9", run: func(*env) error { return self(bpfiter.Tasks()) }},
	{name: "iter.Processes, left early", since: "5.9", run: func(*env) error {
		for _, err := range bpfiter.Processes() {
			return err
		}
		return want("processes", 0, 1)
	}},
	{name: "iter.Open one process", since: "6.1", run: func(*env) error {
		return withTasks(&bpfiter.Options{Task: bpfiter.Task{PID: os.Getpid()}}, func(_ *bpfx.Program, it *bpfiter.Iterator) error {
			return self(bpfiter.Records[bpfiter.TaskInfo](it))
		})
	}},
	{name: "iter.Open a cgroup", since: "6.1", run: openCgroup},
	{name: "iter.Iterator.Update", since: "5.9", run: func(*env) error {
		return withTasks(nil, func(_ *bpfx.Program, it *bpfiter.Iterator) error {
			next, err := bpfiter.LoadProcesses()
			if err != nil {
				return err
			}
			return closing(next.Close, func() error {
				if err := it.Update(next); err != nil {
					return err
				}
				return self(bpfiter.Records[bpfiter.TaskInfo](it))
			})
		})
	}},
	{name: "iter.Iterator.Pin and LoadPinned", since: "5.9", run: func(e *env) error {
		return withTasks(nil, func(_ *bpfx.Program, it *bpfiter.Iterator) error {
			path := e.path("iterator")
			if err := it.Pin(path); err != nil {
				return err
			}
			return closing(unpin(it.Unpin), func() error {
				again, err := bpfiter.LoadPinned(path)
				if err != nil {
					return err
				}
				return closing(again.Close, func() error { return self(bpfiter.Records[bpfiter.TaskInfo](again)) })
			})
		})
	}},
	{name: "iter.Map", since: "5.9", run: func(*env) error {
		const enough = 3000 // for the iterator, where the kernel has it
		return withEntries(enough, func(m *ebpf.Map) error { return sum(bpfiter.Map[uint32, uint64](m), enough) })
	}},
	{name: "iter.Dump by batch", since: "5.9", run: func(*env) error { return dump(bpfiter.ByBatch) }},
	{name: "iter.Dump by key", since: "5.9", run: func(*env) error { return dump(bpfiter.ByKey) }},
}

// self looks for this process among tasks.
func self(tasks stditer.Seq2[bpfiter.TaskInfo, error]) error {
	found := false
	for t, err := range tasks {
		if err != nil {
			return err
		}
		found = found || t.PID == int32(os.Getpid())
	}
	return want("this process is there", found, true)
}

func withTasks(opts *bpfiter.Options, fn func(*bpfx.Program, *bpfiter.Iterator) error) error {
	p, err := bpfiter.LoadTasks()
	if err != nil {
		return err
	}
	return closing(p.Close, func() error {
		it, err := bpfiter.Open(p, opts)
		if err != nil {
			return err
		}
		return closing(it.Close, func() error { return fn(p, it) })
	})
}

// openCgroup writes a byte for the cgroup of this process.
func openCgroup(e *env) error {
	spec := bpfiter.Spec("cgroup", asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord), // cgroup
		asm.JEq.Imm(asm.R2, 0, "done"),
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), // meta
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), // seq
		asm.StoreImm(asm.RFP, -8, '!', asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -8),
		asm.Mov.Imm(asm.R3, 1),
		asm.FnSeqWrite.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("done"),
		asm.Return(),
	})
	opts := &bpfiter.Options{Cgroup: bpfiter.Cgroup{Path: e.Cgroup, Order: bpfiter.Self}}
	return bpfiter.With(spec, opts, func(it *bpfiter.Iterator) error {
		data, err := it.ReadAll()
		if err != nil {
			return err
		}
		return want("output", string(data), "!")
	})
}

// withEntries makes a map of n entries, which are zero but for two.
func withEntries(n uint32, fn func(*ebpf.Map) error) error {
	key, value := &btf.Int{Name: "unsigned int", Size: 4}, &btf.Int{Name: "unsigned long", Size: 8} // which are asked for
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "entries", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: n, Key: key, Value: value})
	if err != nil {
		return err
	}
	return closing(m.Close, func() error {
		if err := errors.Join(m.Put(uint32(1), uint64(3)), m.Put(n-1, uint64(4))); err != nil {
			return err
		}
		return fn(m)
	})
}

// sum adds up the entries of withEntries.
func sum(all stditer.Seq2[bpfiter.MapEntry[uint32, uint64], error], entries int) error {
	n, total := 0, uint64(0)
	for e, err := range all {
		if err != nil {
			return err
		}
		n++
		total += e.Value
	}
	return errors.Join(want("entries", n, entries), want("their sum", total, 7))
}

func dump(method bpfiter.Method) error {
	const few = 5 // each is a call that fails
	return withEntries(few, func(m *ebpf.Map) error {
		d, err := bpfiter.NewDump[uint32, uint64](m, method)
		if err != nil {
			return err
		}
		return closing(d.Close, func() error {
			if err := sum(d.All(), few); err != nil {
				return err
			}
			used, _ := d.Used()
			return want("method", used, method)
		})
	})
}

//go:build linux && (amd64 || arm64)

package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/internal/testprogs/sections"
)

// chainOps load chains of tail calls, change them and see what they return.
var chainOps = []op{
	{name: "tailcall.Load", since: "4.12", run: func(*env) error {
		c, err := tailcall.Load(chainSpec())
		if err != nil {
			return err
		}
		return closing(c.Close, func() error { return returns(c.Entry(), 11) })
	}},
	{name: "tailcall.Load into an array", since: "4.13", run: loadInto},
	{name: "tailcall.With, Verify and Graph", since: "4.13", run: func(*env) error {
		return tailcall.With(chainSpec(), func(c *tailcall.Chain) error {
			if err := c.Verify(); err != nil {
				return err
			}
			if err := want("calls", len(c.Graph().Edges), 2); err != nil {
				return err
			}
			return returns(c.Entry(), 11)
		})
	}},
	{name: "tailcall.FromCollectionSpec", since: "5.2", run: func(*env) error {
		spec, err := sections.LoadNetwork()
		if err != nil {
			return err
		}
		s, err := tailcall.FromCollectionSpec(spec, &tailcall.ObjectOptions{Entry: "first"})
		if err != nil {
			return err
		}
		return tailcall.With(s, func(c *tailcall.Chain) error { return returns(c.Entry(), 2) })
	}},
	{name: "tailcall.Chain attached", since: "4.17", run: chainAttached},
	{name: "tailcall.New", since: "4.12", run: newChain},
	{name: "tailcall.Chain.Set and Clear", since: "4.12", run: func(*env) error {
		return tailcall.With(chainSpec(), setAndClear)
	}},
	{name: "tailcall.Chain.Swap", since: "4.12", run: func(*env) error {
		return tailcall.With(chainSpec(), func(c *tailcall.Chain) error {
			err := c.Swap(map[uint32]*ebpf.ProgramSpec{0: calling("swapped", 21, 1), 1: calling("last", 22, -1)})
			if err != nil {
				return errors.Join(err, unchanged(c))
			}
			return returns(c.Entry(), 22)
		})
	}},
	{name: "tailcall.Chain.Pin and LoadPinned", since: "5.10", run: pinChain},
}

// unchanged returns an error unless a chain of chainSpec returns what it did.
func unchanged(c *tailcall.Chain) error {
	if err := returns(c.Entry(), 11); err != nil {
		return fmt.Errorf("after a change that failed: %w", err)
	}
	return c.Verify()
}

// rawTracepoint changes the type of a chain's programs.
func rawTracepoint(s *tailcall.Spec) *tailcall.Spec {
	s.Entry.Type = ebpf.RawTracepoint
	for _, slot := range s.Slots {
		slot.Program.Type = ebpf.RawTracepoint
	}
	return s
}

// calling is an XDP program that calls a slot of "jump", unless that is
// negative, and returns ret if nothing is there.
func calling(name string, ret, slot int32) *ebpf.ProgramSpec {
	insns := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	if slot >= 0 {
		insns = append(insns,
			asm.Mov.Imm(asm.R3, slot),
			asm.LoadMapPtr(asm.R2, 0).WithReference("jump"),
			asm.Mov.Reg(asm.R1, asm.R6),
			asm.FnTailCall.Call(),
		)
	}
	insns = append(insns, asm.Mov.Imm(asm.R0, ret), asm.Return())
	return &ebpf.ProgramSpec{Name: name, Type: ebpf.XDP, License: "GPL", Instructions: insns}
}

// chainSpec is a chain of three programs, of which the last returns 11.
func chainSpec() *tailcall.Spec {
	return &tailcall.Spec{Map: "jump", Entry: calling("entry", 9, 0), Slots: []tailcall.Slot{
		{Index: 0, Program: calling("first", 10, 1)},
		{Index: 1, Program: calling("second", 11, -1)},
	}}
}

// loadInto loads a chain into the array of another.
func loadInto(*env) error {
	return tailcall.With(chainSpec(), func(old *tailcall.Chain) error {
		c, err := tailcall.Load(&tailcall.Spec{
			Map: "jump", MaxEntries: 2, Entry: calling("entry", 9, 0), Slots: []tailcall.Slot{
				{Index: 0, Program: calling("third", 12, 1)}, {Index: 1, Program: calling("fourth", 14, -1)},
			},
			Options: &ebpf.CollectionOptions{MapReplacements: map[string]*ebpf.Map{"jump": old.Map("jump")}},
		})
		if err != nil {
			return errors.Join(err, unchanged(old))
		}
		return closing(c.Close, func() error { return returns(old.Entry(), 14) })
	})
}

// chainAttached attaches the entry of a chain whose last program counts.
func chainAttached(e *env) error {
	h := bpfx.RawTracepoint{Name: "sched_process_fork"}
	s := &tailcall.Spec{Map: "jump", Entry: h.Spec(calling("", 0, 0).Instructions), Slots: []tailcall.Slot{{Program: h.Spec(e.counting(0))}}}
	s.Entry.Name, s.Slots[0].Program.Name = "entry", "count"
	return tailcall.With(s, func(c *tailcall.Chain) error {
		if _, err := c.Entry().Attach(h); err != nil {
			return err
		}
		return e.mustRun(fork)
	})
}

// newChain makes a chain of programs that are loaded already.
func newChain(*env) error {
	array, err := ebpf.NewMap(&ebpf.MapSpec{Name: "jump", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 2})
	if err != nil {
		return err
	}
	return closing(array.Close, func() error {
		entrySpec := calling("entry", 9, 0)
		for i := range entrySpec.Instructions {
			if ins := &entrySpec.Instructions[i]; ins.Reference() == "jump" {
				if err := ins.AssociateMap(array); err != nil {
					return err
				}
			}
		}
		return bpfx.WithProgram(entrySpec, func(entry *bpfx.Program) error {
			return bpfx.WithProgram(calling("first", 12, -1), func(first *bpfx.Program) error {
				c, err := tailcall.New(array, entry, map[uint32]*bpfx.Program{0: first, 1: first})
				if err != nil {
					return errors.Join(err, emptied(array))
				}
				return closing(c.Close, func() error { return returns(entry, 12) })
			})
		})
	})
}

// emptied returns an error if a slot of an array has a program.
func emptied(array *ebpf.Map) error {
	var key, id uint32
	for it := array.Iterate(); it.Next(&key, &id); {
		return fmt.Errorf("%w: program %d is left in slot %d", errLie, id, key)
	}
	return nil
}

func setAndClear(c *tailcall.Chain) error {
	return bpfx.WithProgram(calling("other", 13, -1), func(p *bpfx.Program) error {
		if err := c.Set(0, p); err != nil {
			return errors.Join(err, unchanged(c))
		}
		if err := returns(c.Entry(), 13); err != nil {
			return err
		}
		if err := c.Clear(0); err != nil {
			return err
		}
		return returns(c.Entry(), 9)
	})
}

// pinChain pins a chain, closes it and opens it again.
func pinChain(e *env) error {
	dir := e.path("chain")
	// It may be detached some time after the pin is removed, so the next run must
	// not mind.
	err := tailcall.With(rawTracepoint(chainSpec()), func(c *tailcall.Chain) error {
		if _, err := c.Entry().Attach(bpfx.RawTracepoint{Name: "sched_process_fork"}); err != nil {
			return err
		}
		if err := c.Pin(dir); err != nil {
			return err
		}
		e.keeps = true
		rest()
		return nil
	})
	if err != nil {
		return err
	}
	again, err := tailcall.LoadPinned(dir)
	if err != nil {
		return err
	}
	return closing(again.Close, func() error {
		if err := returns(again.Entry(), 11); err != nil {
			return err
		}
		a, err := bpfx.LoadPinnedAttachment(filepath.Join(dir, "link_0"))
		if err != nil {
			return err
		}
		return closing(a.Close, func() error {
			err := removePins(dir)
			e.keeps = err != nil
			return err
		})
	})
}

// removePins removes a directory of pins.
func removePins(dir string) error {
	files, err := os.ReadDir(dir)
	for _, f := range files {
		err = errors.Join(err, os.Remove(filepath.Join(dir, f.Name())))
	}
	return errors.Join(err, os.Remove(dir))
}

//go:build linux && (amd64 || arm64)

package faults

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/netns"
	"github.com/bpfx/go/internal/testprogs"
)

// loadOps load programs and run what they have loaded.
var loadOps = []op{
	{name: "Load", since: "4.12", run: func(*env) error {
		p, err := bpfx.Load(xdpSpec(7), nil)
		if err != nil {
			return err
		}
		return closing(p.Close, func() error { return returns(p, 7) })
	}},
	{name: "WithProgram", since: "4.12", run: func(*env) error {
		return bpfx.WithProgram(xdpSpec(7), func(p *bpfx.Program) error { return returns(p, 7) })
	}},
	{name: "Load with a BTF that was released", since: "5.5", slow: true, run: func(*env) error {
		bpfx.ReleaseBTF()
		spec := bpfx.BTFTracepoint{Name: "sched_process_fork"}.Spec(returning(0))
		return bpfx.WithProgram(spec, func(p *bpfx.Program) error { return want("loaded", p.Loaded(), true) })
	}},
	{name: "Load of a program that the verifier rejects, and Explain", since: "4.12", run: rejected},
	{name: "LoadCollection", since: "5.2", run: func(*env) error {
		spec, err := countSpec()
		if err != nil {
			return err
		}
		c, err := bpfx.LoadCollection(spec, nil)
		if err != nil {
			return err
		}
		return closing(c.Close, func() error { return counts(c.Programs["count"], c.Variables["bytes"]) })
	}},
	{name: "WithCollection", since: "5.2", run: func(*env) error {
		spec, err := countSpec()
		if err != nil {
			return err
		}
		return bpfx.WithCollection(spec, func(c *bpfx.Collection) error {
			return counts(c.Programs["count"], c.Variables["bytes"])
		})
	}},
	{name: "LoadELF", since: "5.2", run: func(e *env) error {
		p, err := bpfx.LoadELF(e.Object, "count")
		if err != nil {
			return err
		}
		return closing(p.Close, func() error { return counts(p, p.Variables["bytes"]) })
	}},
	{name: "Filter", since: "4.17", run: func(e *env) error {
		h := bpfx.RawTracepoint{Name: "sched_process_fork"}
		spec, err := bpfx.Filter{PID: os.Getpid()}.Apply(h.Spec(e.counting(0)))
		if err != nil {
			return err
		}
		return bpfx.WithAttached(spec, h, func(*bpfx.Program, *bpfx.Attachment) error { return e.mustRun(fork) })
	}},
	{name: "Scope", since: "4.12", run: func(*env) error {
		var s bpfx.Scope
		return s.Run(func() error {
			for i := range int32(3) {
				p, err := bpfx.Load(xdpSpec(i), nil)
				if err != nil {
					return err
				}
				s.Defer(p.Close)
				if err := returns(p, uint32(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}},
	{name: "Program.Clone, Handle, Info, ID and Use", since: "5.5", run: useProgram},
	{name: "Program.BindMap, Stats, Test and Benchmark", since: "5.10", run: func(e *env) error {
		return bpfx.WithProgram(xdpSpec(5), func(p *bpfx.Program) error {
			if err := p.BindMap(e.runs); err != nil {
				return err
			}
			if _, err := p.Stats(); err != nil {
				return err
			}
			ret, _, err := p.Test(frame())
			if err != nil {
				return err
			}
			if ret != 5 {
				return want("what Test returns", ret, 5)
			}
			ret, _, err = p.Benchmark(frame(), 2, nil)
			if err != nil {
				return err
			}
			if ret != 5 {
				return want("what Benchmark returns", ret, 5)
			}
			return nil
		})
	}},
	{name: "a network namespace", since: "4.12", run: func(*env) error {
		return netns.Do(func() error {
			spec := xdpSpec(2)
			return bpfx.WithAttached(spec, bpfx.XDP{Interface: "lo"}, func(*bpfx.Program, *bpfx.Attachment) error { return nil })
		})
	}},
}

// closing calls fn, and then close whatever it returns.
func closing(close func() error, fn func() error) (err error) {
	defer func() {
		if e := close(); e != nil {
			err = errors.Join(err, fmt.Errorf("close: %w", e))
		}
	}()
	return fn()
}

func xdpSpec(ret int32) *ebpf.ProgramSpec {
	spec := bpfx.XDP{}.Spec(returning(ret))
	spec.Name = "faults"
	return spec
}

// returns runs a program, on a packet if it takes one, and returns an error
// unless it returns ret.
func returns(p *bpfx.Program, ret uint32) error {
	rest()
	in := bpfx.RunInput{Data: frame()}
	if p.Type() == ebpf.RawTracepoint {
		in.Data = nil
	}
	res, err := p.Run(in)
	if err != nil {
		return err
	}
	return want("the program's return", res.Return, ret)
}

// countSpec is an object with one program, a map and global variables.
func countSpec() (*ebpf.CollectionSpec, error) {
	spec, err := testprogs.LoadTestprogs()
	if err != nil {
		return nil, err
	}
	for name := range spec.Programs {
		if name != "count" {
			delete(spec.Programs, name)
		}
	}
	delete(spec.Maps, "stages")
	return spec, nil
}

// counts runs the program of countSpec and looks whether it counted.
func counts(p *bpfx.Program, bytes *ebpf.Variable) error {
	if err := returns(p, 2); err != nil {
		return err
	}
	var n uint64
	if err := bytes.Get(&n); err != nil {
		return err
	}
	return want("bytes", n, 64)
}

// rejected loads a program that reads a register which it never wrote. Explain
// must tell that, or nothing if it couldn't find out.
func rejected(*env) error {
	spec := xdpSpec(0)
	spec.Instructions = asm.Instructions{asm.Mov.Reg(asm.R0, asm.R5), asm.Return()}
	p, err := bpfx.Load(spec, nil)
	if err == nil {
		return errors.Join(errLie, errors.New("the program was loaded"), p.Close())
	}
	var ve *ebpf.VerifierError
	if !errors.As(err, &ve) {
		return err // of a fault
	}
	d := bpfx.Explain(err)
	if d == nil && injected(err) {
		return err
	}
	if d == nil || len(d.Cause) == 0 {
		return fmt.Errorf("%w: no cause of %w", errLie, err)
	}
	return nil
}

func useProgram(*env) error {
	return bpfx.WithProgram(xdpSpec(5), func(p *bpfx.Program) error {
		clone, err := p.Clone()
		if err != nil {
			return err
		}
		other := bpfx.Wrap(clone)
		return closing(other.Close, func() error {
			info, err := p.Info()
			if err != nil {
				return err
			}
			id, _ := info.ID()
			otherID, ok := other.ID()
			if ok { // the kernel was asked once more
				if err := want("the clone's id", otherID, id); err != nil {
					return err
				}
			}
			return other.Use(func(q *ebpf.Program) error { return want("the type", q.Type(), ebpf.XDP) })
		})
	})
}

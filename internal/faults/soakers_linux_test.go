//go:build amd64 || arm64

package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	bpfiter "github.com/bpfx/go/bpfx/iter"
	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/bpfx/tailcall"
	"github.com/bpfx/go/internal/testutil"
)

// attachAndDetach attaches to the loopback interface of its own namespace, and
// moves the attachment to another program.
func attachAndDetach(*testing.T) func(*rand.Rand, int) error {
	return func(r *rand.Rand, _ int) error {
		h := bpfx.XDP{Interface: "lo"}
		return bpfx.WithProgram(xdpSpec(2), func(next *bpfx.Program) error {
			return bpfx.WithAttached(xdpSpec(2), h, func(p *bpfx.Program, a *bpfx.Attachment) error {
				if r.IntN(2) == 0 {
					return nil
				}
				if err := a.Update(next); err != nil {
					return err
				}
				return want("attached", p.Attached(), false)
			})
		})
	}
}

// loadAndAttach attaches an object of several programs.
func loadAndAttach(*testing.T) func(*rand.Rand, int) error {
	spec := &ebpf.CollectionSpec{Programs: make(map[string]*ebpf.ProgramSpec)}
	for i := range 3 {
		p := bpfx.RawTracepoint{}.Spec(returning(0))
		p.Name, p.AttachTo = fmt.Sprintf("p%d", i), "sched_process_fork"
		spec.Programs[p.Name] = p
	}
	return func(*rand.Rand, int) error {
		return bpfx.WithAttachedAll(spec, nil, func(a *bpfx.Attached) error { return want("programs", len(a.Programs), len(spec.Programs)) })
	}
}

// runAndClose runs programs that another goroutine closes: a run gives the
// right result, or says that the program is closed.
func runAndClose(t *testing.T) func(*rand.Rand, int) error {
	var shared atomic.Pointer[bpfx.Program]
	load := func(ret int32) error {
		p, err := bpfx.Load(xdpSpec(ret), nil)
		if err != nil {
			return err
		}
		return shared.Swap(p).Close() // closing nil is fine
	}
	if err := load(1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shared.Load().Close() })
	return func(r *rand.Rand, n int) error {
		if n == 0 {
			return load(1 + r.Int32N(100))
		}
		p := shared.Load()
		for range 20 {
			res, err := p.Run(bpfx.RunInput{Data: frame()})
			if errors.Is(err, os.ErrClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			if res.Return < 1 || res.Return > 100 {
				return fmt.Errorf("%w: %+v", errLie, res)
			}
		}
		return nil
	}
}

// runAndSwap runs a chain, of which another goroutine swaps slots: whatever it
// returns must be of one of the programs that were ever there.
func runAndSwap(t *testing.T) func(*rand.Rand, int) error {
	c, err := tailcall.Load(chainSpec())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return func(r *rand.Rand, n int) error {
		if n == 0 {
			return c.Swap(map[uint32]*ebpf.ProgramSpec{0: calling("first", 10, 1), 1: calling("second", 11+r.Int32N(100), -1)})
		}
		for range 20 {
			res, err := c.Entry().Run(bpfx.RunInput{Data: frame()})
			if err != nil {
				return err
			}
			if res.Return < 11 || res.Return > 110 {
				return fmt.Errorf("%w: the chain fell through: it returned %d", errLie, res.Return)
			}
		}
		return nil
	}
}

// swapControl replaces a congestion control by another one, of a map of its
// own, while connections choose it. Before Linux 6.4 it is unregistered and
// the other one registered.
func swapControl(t *testing.T) func(*rand.Rand, int) error {
	load := func() (*structops.Ops, error) { return structops.Load(ccSpec()) }
	ops, err := load()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ops.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := ops.Register(); err != nil {
		t.Fatal(err)
	}
	links := testutil.KernelAtLeast(t, "6.4")
	return func(_ *rand.Rand, n int) error {
		if n > 0 {
			err := usable(ccName)
			if !links && errors.Is(err, os.ErrNotExist) {
				return nil // in between
			}
			return err
		}
		next, err := load()
		if err != nil {
			return err
		}
		if links {
			err = ops.Replace(next)
		} else if err = ops.Unregister(); err == nil {
			err = next.Register()
		}
		if err != nil {
			return errors.Join(err, next.Close())
		}
		old := ops
		ops = next
		return old.Close()
	}
}

// releaseBTF loads programs that need the kernel's BTF, and drops it now and
// then.
func releaseBTF(*testing.T) func(*rand.Rand, int) error {
	spec := bpfx.BTFTracepoint{Name: "sched_process_fork"}.Spec(returning(0))
	return func(r *rand.Rand, _ int) error {
		if r.IntN(50) == 0 {
			bpfx.ReleaseBTF()
		}
		return bpfx.WithProgram(spec, func(p *bpfx.Program) error { return want("loaded", p.Loaded(), true) })
	}
}

// iterate reads all tasks through an iterator, whose program another goroutine
// replaces by one for processes only, and a map.
func iterate(t *testing.T) func(*rand.Rand, int) error {
	load := func(leaders bool) *bpfx.Program {
		load := bpfiter.LoadTasks
		if leaders {
			load = bpfiter.LoadProcesses
		}
		p, err := load()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		return p
	}
	programs := []*bpfx.Program{load(false), load(true)}
	it, err := bpfiter.Open(programs[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { it.Close() })
	return func(r *rand.Rand, n int) error {
		if n == 0 {
			if err := it.Update(programs[r.IntN(2)]); err != nil {
				return err
			}
		}
		const enough = 100
		return errors.Join(self(bpfiter.Records[bpfiter.TaskInfo](it)), withEntries(enough, func(m *ebpf.Map) error {
			return sum(bpfiter.Map[uint32, uint64](m), enough)
		}))
	}
}

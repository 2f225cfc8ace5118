package bpfx

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// The methods of ebpf.Program are not safe to call while another goroutine
// closes it: the descriptor may be closed, or be another file's, by the time
// the kernel looks at it. These stand before them and hold it meanwhile.

// use calls fn while p can't be closed.
func use[T any](p *Program, fn func(*ebpf.Program) (T, error)) (T, error) {
	if err := p.acquire(); err != nil {
		var zero T
		return zero, err
	}
	defer p.mu.RUnlock()
	return fn(p.Program)
}

// do is use for methods that return an error only.
func do(p *Program, fn func(*ebpf.Program) error) error {
	_, err := use(p, func(p *ebpf.Program) (struct{}, error) { return struct{}{}, fn(p) })
	return err
}

// useAlone is use for methods that change the embedded Program, or read what
// others change: its pin and its BTF.
func useAlone[T any](p *Program, fn func(*ebpf.Program) (T, error)) (T, error) {
	return use(p, func(q *ebpf.Program) (T, error) {
		p.stateMu.Lock()
		defer p.stateMu.Unlock()
		return fn(q)
	})
}

// doAlone is useAlone for methods that return an error only.
func doAlone(p *Program, fn func(*ebpf.Program) error) error {
	_, err := useAlone(p, func(p *ebpf.Program) (struct{}, error) { return struct{}{}, fn(p) })
	return err
}

// Type is [ebpf.Program.Type], also after Close. It is
// [ebpf.UnspecifiedProgram] if there is no program.
func (p *Program) Type() ebpf.ProgramType {
	if p == nil || p.Program == nil {
		return ebpf.UnspecifiedProgram
	}
	return p.Program.Type()
}

// FD is [ebpf.Program.FD], and -1 after Close. It is only valid until Close.
func (p *Program) FD() int {
	fd, err := use(p, func(p *ebpf.Program) (int, error) { return p.FD(), nil })
	if err != nil {
		return -1
	}
	return fd
}

// String returns the program's type, name and descriptor, for people.
func (p *Program) String() string {
	s, err := use(p, func(p *ebpf.Program) (string, error) { return p.String(), nil })
	if err != nil {
		return err.Error()
	}
	return s
}

// Info is [ebpf.Program.Info].
func (p *Program) Info() (*ebpf.ProgramInfo, error) {
	info, err := use(p, (*ebpf.Program).Info)
	if err != nil {
		return nil, fmt.Errorf("program info: %w", err)
	}
	return info, nil
}

// Stats is [ebpf.Program.Stats]. Requires Linux 5.8.
func (p *Program) Stats() (*ebpf.ProgramStats, error) { return use(p, (*ebpf.Program).Stats) }

// Handle is [ebpf.Program.Handle]. The caller must close the handle.
func (p *Program) Handle() (*btf.Handle, error) { return useAlone(p, (*ebpf.Program).Handle) }

// Clone is [ebpf.Program.Clone]. The caller must close the clone, which has
// no part in the attachments of p.
func (p *Program) Clone() (*ebpf.Program, error) { return useAlone(p, (*ebpf.Program).Clone) }

// SetHandle is [ebpf.Program.SetHandle].
func (p *Program) SetHandle(h *btf.Handle) error {
	return doAlone(p, func(p *ebpf.Program) error { return p.SetHandle(h) })
}

// BindMap is [ebpf.Program.BindMap]. Requires Linux 5.10.
func (p *Program) BindMap(m *ebpf.Map) error {
	if err := do(p, func(p *ebpf.Program) error { return p.BindMap(m) }); err != nil {
		return fmt.Errorf("bind map to program: %w", err)
	}
	return nil
}

// Test is what [ebpf.Program.Test] is, by [Program.Run], which tells more. The
// former takes a run that a signal interrupted for one that returned 0.
func (p *Program) Test(in []byte) (ret uint32, out []byte, err error) {
	res, err := p.Run(RunInput{Data: in})
	return res.Return, res.Data, err
}

// Benchmark is [ebpf.Program.Benchmark]; of a single run, [Program.Test].
// [Program.Run] tells more.
func (p *Program) Benchmark(in []byte, repeat int, reset func()) (ret uint32, each time.Duration, err error) {
	if repeat == 0 || repeat == 1 { // the kernel runs it once
		res, err := p.Run(RunInput{Data: in})
		return res.Return, res.Duration, err
	}
	err = do(p, func(p *ebpf.Program) (err error) { ret, each, err = p.Benchmark(in, repeat, reset); return err })
	return ret, each, err
}

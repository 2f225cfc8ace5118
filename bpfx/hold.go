package bpfx

import (
	"slices"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/scope"
)

// Use calls fn with the program, which can't be closed meanwhile: [Program.Close]
// waits for it. It is for functions that take an [ebpf.Program], such as Put of
// an ebpf.Map. fn must not close the program, but may call its other methods.
// Returns the error of fn.
func (p *Program) Use(fn func(*ebpf.Program) error) error { return do(p, fn) }

// Defer has [Program.Close] call the function, after it detached and closed the
// program, and before those that were deferred earlier. The function, and what
// it refers to, stays reachable as long as the program is attached: so a
// program that needs something else to be open can hold it.
//
// Returns an error wrapping [os.ErrClosed], and calls nothing, if the program
// is closed already.
func (p *Program) Defer(close func() error) error {
	return do(p, func(*ebpf.Program) error {
		if close == nil {
			return errNilDefer
		}
		p.attMu.Lock()
		defer p.attMu.Unlock()
		p.deferred = append(p.deferred, close)
		return nil
	})
}

// ID returns the kernel's id of the program, also after Close. It returns
// false if the kernel doesn't tell: before Linux 4.13, and where there is none.
func (p *Program) ID() (ebpf.ProgramID, bool) {
	id, err := use(p, func(p *ebpf.Program) (ebpf.ProgramID, error) { return programID(p), nil })
	if err != nil && p != nil {
		id = ebpf.ProgramID(p.id.Load())
	}
	return id, id != 0
}

// callDeferred calls what was deferred, last first, and joins the errors.
func (p *Program) callDeferred() error {
	p.attMu.Lock()
	list := p.deferred
	p.deferred = nil
	p.attMu.Unlock()
	var errs []error
	for _, fn := range slices.Backward(list) {
		errs = append(errs, fn())
	}
	return scope.Join(errs...)
}

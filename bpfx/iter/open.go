package iter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
)

var errNilProgram = errors.New("nil program: load one first")

// Open makes an iterator of a program. nil opts means all objects of the
// target.
//
// The Iterator must be closed; it counts as an attachment of p, so closing p
// closes it. p stays the caller's. Options that exclude each other, and such as
// the target doesn't take, are refused by name. Returns an error wrapping
// [ebpf.ErrNotSupported] if the kernel lacks an option, [os.ErrNotExist] if
// there is no such cgroup, and syscall.ESRCH if there is no such task.
func Open(p *bpfx.Program, opts *Options) (*Iterator, error) {
	if opts == nil {
		opts = &all
	}
	it, err := open(p, opts)
	if err != nil {
		return nil, fmt.Errorf("open iterator: %w", err)
	}
	return it, nil
}

// all are the options of who gives none.
var all Options

func open(p *bpfx.Program, opts *Options) (*Iterator, error) {
	if p == nil || p.Program == nil {
		return nil, errNilProgram
	}
	if *opts != all {
		if err := opts.check(); err != nil {
			return nil, err
		}
	}
	it := newIterator()
	it.hook = hook{p, opts}
	a, err := p.Attach(&it.hook)
	if err != nil {
		var attach *bpfx.AttachError
		if errors.As(err, &attach) {
			err = attach.Err // "attach to" says nothing here
		}
		return nil, err
	}
	it.a = a
	it.program = p
	return it, nil
}

// hook is what the program of an iterator is attached to.
type hook struct {
	program *bpfx.Program
	opts    *Options // until it is attached
}

// String returns "iterator" and the target, if it is known.
func (h *hook) String() string {
	return strings.TrimSpace("iterator " + recall(h.program).target)
}

// Attach implements bpfx.Hook.
func (h *hook) Attach(p *ebpf.Program) (*bpfx.Attachment, error) {
	if p.Type() != ebpf.Tracing {
		return nil, fmt.Errorf("program is of type %v, iterators are of type Tracing: load it with iter.Load", p.Type())
	}
	l, err := attach(p, h.opts, h.program)
	if err != nil {
		return nil, err
	}
	h.opts = nil // the attachment keeps the hook
	return bpfx.NewAttachment(l), nil
}

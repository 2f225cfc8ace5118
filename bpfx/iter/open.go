package iter

import (
	"errors"
	"fmt"

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
		opts = &Options{}
	}
	it, err := open(p, opts)
	if err != nil {
		return nil, fmt.Errorf("open iterator: %w", err)
	}
	return it, nil
}

func open(p *bpfx.Program, opts *Options) (*Iterator, error) {
	if p == nil || p.Program == nil {
		return nil, errNilProgram
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	known := recall(p)
	name := "iterator"
	if known.target != "" {
		name += " " + known.target
	}
	hook := bpfx.HookFunc(name, func(ep *ebpf.Program) (*bpfx.Attachment, error) {
		if ep.Type() != ebpf.Tracing {
			return nil, fmt.Errorf("program is of type %v, iterators are of type Tracing: load it with iter.Load", ep.Type())
		}
		l, err := attach(ep, opts, known)
		if err != nil {
			return nil, err
		}
		return bpfx.NewAttachment(l), nil
	})
	a, err := p.Attach(hook)
	if err != nil {
		var attach *bpfx.AttachError
		if errors.As(err, &attach) {
			err = attach.Err // "attach to" says nothing here
		}
		return nil, err
	}
	return newIterator(a, known.size), nil
}

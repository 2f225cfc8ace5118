package iter

import (
	stditer "iter"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
)

// With loads spec, opens an iterator, calls fn with it and closes iterator and
// program. nil opts means all objects of the target.
//
// If loading or opening fails, fn is not called and the error is returned,
// wrapped. When fn returns, its error comes back unchanged if closing works; an
// error of closing is joined to it. Closing is deferred, so it also happens if
// fn panics, or ends the goroutine as testing's FailNow does; panics are not
// recovered. The iterator must not be used after fn returns.
func With(spec *ebpf.ProgramSpec, opts *Options, fn func(*Iterator) error) error {
	if fn == nil {
		return scope.ErrNilFunc
	}
	return scope.With(func() (*bpfx.Program, error) { return LoadSpec(spec) }, func(p *bpfx.Program) error {
		return scope.With(func() (*Iterator, error) { return Open(p, opts) }, fn)
	})
}

// Walk is With and [Records] in one loop: it loads spec, opens an iterator,
// reads a session and closes all, also when the loop is left early. Each loop
// does so anew. Errors are those of the three.
func Walk[T any](spec *ebpf.ProgramSpec, opts *Options) stditer.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		left := false
		err := With(spec, opts, func(it *Iterator) error {
			for v, err := range Records[T](it) {
				if err != nil {
					return err
				}
				if !yield(v, nil) {
					left = true
					return nil
				}
			}
			return nil
		})
		if err != nil && !left {
			yield(zero, err)
		}
	}
}

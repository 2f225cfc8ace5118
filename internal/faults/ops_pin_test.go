//go:build linux && (amd64 || arm64)

package faults

import (
	"errors"
	"os"

	"github.com/bpfx/go/bpfx"
)

// pinOps pin, and open what they have pinned.
var pinOps = []op{
	{name: "Program.Pin and LoadPinned", since: "4.12", run: func(e *env) error {
		path := e.path("program")
		return bpfx.WithProgram(xdpSpec(7), func(p *bpfx.Program) error {
			if err := p.Pin(path); err != nil {
				return err
			}
			return closing(unpin(p.Unpin), func() error {
				q, err := bpfx.LoadPinned(path)
				if err != nil {
					return err
				}
				return closing(q.Close, func() error { return returns(q, 7) })
			})
		})
	}},
	{name: "Attachment.Pin and LoadPinnedAttachment", since: "5.9", run: func(e *env) error {
		path := e.path("link")
		h := bpfx.XDP{Interface: "lo"}
		err := bpfx.WithAttached(h.Spec(e.counting(2)), h, func(_ *bpfx.Program, a *bpfx.Attachment) error {
			if err := a.Pin(path); err != nil {
				return err
			}
			return closing(unpin(func() error { return os.Remove(path) }), func() error {
				b, err := bpfx.LoadPinnedAttachment(path)
				if err != nil {
					return err
				}
				return closing(b.Close, func() error {
					if err := a.Close(); err != nil {
						return err
					}
					return e.mustRun(sendUDP)
				})
			})
		})
		// The kernel detaches it some time after the pin is gone.
		return errors.Join(err, e.mustStop(sendUDP))
	}},
}

// unpin calls fn, which may find that there is nothing left to unpin.
func unpin(fn func() error) func() error {
	return func() error {
		if err := fn(); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
}

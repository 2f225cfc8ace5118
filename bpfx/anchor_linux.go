package bpfx

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/netns"
	"github.com/bpfx/go/internal/scope"
)

// with calls fn with cilium's form of a. An attachment that it names can't be
// closed meanwhile.
func (a Anchor) with(fn func(link.Anchor)) error {
	switch {
	case a.at == anchorTail:
		fn(link.Tail())
		return nil
	case a.at == anchorHead:
		fn(link.Head())
		return nil
	case a.program == nil && a.attachment == nil:
		return errors.New("nothing to be before, after or in place of")
	case a.attachment != nil:
		place := link.AfterLink
		if a.at == anchorBefore {
			place = link.BeforeLink
		}
		err := a.attachment.Use(func(l link.Link) error { fn(place(l)); return nil })
		if errors.Is(err, ebpf.ErrNotSupported) { // that is not about a hook
			err = fmt.Errorf("%v has no link", a.attachment)
		}
		return err
	}
	if err := checkProgram(a.program, ebpf.SchedCLS); err != nil {
		return err
	}
	place := link.ReplaceProgram
	switch a.at {
	case anchorBefore:
		place = link.BeforeProgram
	case anchorAfter:
		place = link.AfterProgram
	}
	fn(place(a.program))
	return nil
}

// attachAt attaches p, of type SchedCLS, to an interface at the place of a.
// byLink does it with a link.
func (a Anchor) attachAt(p *ebpf.Program, name string, index int, typ ebpf.AttachType, byLink func(ifindex int, at link.Anchor) (link.Link, error)) (attachment *Attachment, err error) {
	if err := checkProgram(p, ebpf.SchedCLS); err != nil {
		return nil, err
	}
	ifindex, err := interfaceIndex(name, index)
	if err != nil {
		return nil, err
	}
	wrong := a.with(func(at link.Anchor) {
		if a.at == anchorReplace {
			attachment, err = attachInPlace(p, ifindex, typ, at)
			return
		}
		l, linkErr := byLink(ifindex, at)
		attachment, err = newAttachment(l, anchorError(linkErr))
	})
	if wrong != nil {
		return nil, fmt.Errorf("anchor: %w", wrong)
	}
	return attachment, err
}

// attachInPlace attaches p by BPF_PROG_ATTACH: the kernel replaces programs by
// programs and links by links, and makes no link in place of a program. It is
// also detached by the index of its interface, which means that one only in its
// network namespace. The clone keeps p open until it is detached, which the
// kernel does not do by itself.
func attachInPlace(p *ebpf.Program, ifindex int, typ ebpf.AttachType, at link.Anchor) (*Attachment, error) {
	ns, err := netns.Current()
	if err != nil {
		return nil, err
	}
	clone, err := p.Clone()
	if err != nil {
		return nil, scope.Join(err, ns.Close())
	}
	err = link.RawAttachProgram(link.RawAttachProgramOptions{Target: ifindex, Program: clone, Attach: typ, Anchor: at})
	if errors.Is(err, unix.EINVAL) {
		// cilium/ebpf doesn't ask here whether the kernel knows the hook.
		if _, query := link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: typ}); query != nil {
			err = fmt.Errorf("the kernel has no %v: %w: %w", typ, ebpf.ErrNotSupported, err)
		}
	}
	if err != nil {
		return nil, scope.Join(anchorError(err), scope.CloseAlive(clone), ns.Close())
	}
	return AttachmentFunc(func() error {
		err := netns.In(ns, func() error {
			return link.RawDetachProgram(link.RawDetachProgramOptions{Target: ifindex, Program: clone, Attach: typ})
		})
		return scope.Join(err, scope.CloseAlive(clone), ns.Close())
	}), nil
}

// anchorError returns err of a hook with an order with its cause
// (kernel/bpf/mprog.c).
func anchorError(err error) error {
	switch {
	case errors.Is(err, unix.EEXIST):
		return because(err, finding{why: "the program is attached there already", remedy: "close that attachment, or load the program once more"})
	case errors.Is(err, unix.ENOENT):
		return because(err, finding{
			why:    "the anchor isn't attached there, or not that way",
			remedy: "name an attachment to the same hook (Before, After), or a program without a link (BeforeProgram, AfterProgram, ReplaceProgram)",
		})
	case errors.Is(err, unix.ERANGE):
		return because(err, finding{why: "the interface has 63 programs there, the most it can have", remedy: "detach one of them"})
	}
	return err
}

package bpfx

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/scope"
)

// link returns cilium's form of a. It is only valid while a's target is open.
func (a Anchor) link() (link.Anchor, error) {
	switch {
	case a.at == anchorTail:
		return link.Tail(), nil
	case a.at == anchorHead:
		return link.Head(), nil
	case a.program == nil && a.attachment == nil:
		return nil, errors.New("anchor: nothing to be before, after or in place of")
	case a.attachment != nil:
		l, ok := a.attachment.Link()
		if !ok {
			return nil, fmt.Errorf("anchor: %v is closed or has no link", a.attachment)
		}
		if a.at == anchorBefore {
			return link.BeforeLink(l), nil
		}
		return link.AfterLink(l), nil
	}
	if err := checkProgram(a.program, ebpf.SchedCLS); err != nil {
		return nil, fmt.Errorf("anchor: %w", err)
	}
	switch a.at {
	case anchorBefore:
		return link.BeforeProgram(a.program), nil
	case anchorAfter:
		return link.AfterProgram(a.program), nil
	}
	return link.ReplaceProgram(a.program), nil
}

// attachAt attaches p, of type SchedCLS, to an interface at the place of a.
// byLink does it with a link.
func (a Anchor) attachAt(p *ebpf.Program, name string, index int, typ ebpf.AttachType, byLink func(ifindex int, at link.Anchor) (link.Link, error)) (*Attachment, error) {
	if err := checkProgram(p, ebpf.SchedCLS); err != nil {
		return nil, err
	}
	ifindex, err := interfaceIndex(name, index)
	if err != nil {
		return nil, err
	}
	at, err := a.link()
	if err != nil {
		return nil, err
	}
	if a.at == anchorReplace {
		return attachInPlace(p, ifindex, typ, at)
	}
	l, err := byLink(ifindex, at)
	return newAttachment(l, anchorError(err))
}

// attachInPlace attaches p by BPF_PROG_ATTACH: the kernel replaces programs by
// programs and links by links, and makes no link in place of a program. The
// clone keeps p open until it is detached, which the kernel does not do by
// itself.
func attachInPlace(p *ebpf.Program, ifindex int, typ ebpf.AttachType, at link.Anchor) (*Attachment, error) {
	clone, err := p.Clone()
	if err != nil {
		return nil, err
	}
	err = link.RawAttachProgram(link.RawAttachProgramOptions{Target: ifindex, Program: clone, Attach: typ, Anchor: at})
	if errors.Is(err, unix.EINVAL) {
		// cilium/ebpf doesn't ask here whether the kernel knows the hook.
		if _, query := link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: typ}); query != nil {
			err = fmt.Errorf("the kernel has no %v: %w: %w", typ, ebpf.ErrNotSupported, err)
		}
	}
	if err != nil {
		return nil, scope.Join(anchorError(err), clone.Close())
	}
	return AttachmentFunc(func() error {
		err := link.RawDetachProgram(link.RawDetachProgramOptions{Target: ifindex, Program: clone, Attach: typ})
		return scope.Join(err, clone.Close())
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

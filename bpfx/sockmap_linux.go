package bpfx

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/scope"
)

// Attach attaches p, which must be of type [ebpf.SkMsg]. See [Attach].
func (h SkMsg) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.SkMsg); err != nil {
		return nil, err
	}
	return attachSockmap(p, h.Map, ebpf.AttachSkMsgVerdict)
}

// Attach attaches p, which must be of type [ebpf.SkSKB]. See [Attach].
func (h SkSkb) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.SkSKB); err != nil {
		return nil, err
	}
	typ, ok := h.Kind.attachType()
	if !ok {
		return nil, fmt.Errorf("unknown kind %v", h.Kind)
	}
	return attachSockmap(p, h.Map, typ)
}

// attachSockmap attaches p to m, by a link where the kernel has them.
func attachSockmap(p *ebpf.Program, m *ebpf.Map, typ ebpf.AttachType) (*Attachment, error) {
	if m == nil {
		return nil, errors.New("no map: set Map to a sockmap or sockhash")
	}
	if t := m.Type(); t != ebpf.SockMap && t != ebpf.SockHash {
		return nil, fmt.Errorf("%v is not a sockmap or sockhash: %w", m, unix.EINVAL)
	}
	if m.FD() < 0 {
		return nil, fmt.Errorf("map: %w", os.ErrClosed)
	}
	l, err := link.AttachRawLink(link.RawLinkOptions{Target: m.FD(), Program: p, Attach: typ})
	if err == nil {
		return NewAttachment(l), nil
	}
	if !errors.Is(err, unix.EINVAL) {
		return nil, sockmapTaken(m, typ, err)
	}
	// Before Linux 6.10 there is no link for these types of program.
	return attachSockmapDirect(p, m, typ)
}

// attachSockmapDirect attaches p to m by BPF_PROG_ATTACH. The clones keep both
// open until the program is detached, which the kernel does not do by itself.
func attachSockmapDirect(p *ebpf.Program, m *ebpf.Map, typ ebpf.AttachType) (*Attachment, error) {
	if ids, _ := queryHolders(m.FD(), typ); len(ids) > 0 {
		return nil, sockmapTaken(m, typ, unix.EBUSY)
	}
	prog, err := p.Clone()
	if err != nil {
		return nil, err
	}
	array, err := m.Clone()
	if err != nil {
		return nil, scope.Join(err, scope.CloseAlive(prog))
	}
	opts := link.RawAttachProgramOptions{Target: array.FD(), Program: prog, Attach: typ}
	if err := link.RawAttachProgram(opts); err != nil {
		if errors.Is(err, unix.EINVAL) { // map and program are what they should be
			err = fmt.Errorf("the kernel has no %v: %w: %w", typ, ebpf.ErrNotSupported, err)
		}
		return nil, scope.Join(sockmapTaken(m, typ, err), scope.CloseAlive(prog), scope.CloseAlive(array))
	}
	return AttachmentFunc(func() error {
		return scope.Join(link.RawDetachProgram(link.RawDetachProgramOptions(opts)), scope.CloseAlive(prog), scope.CloseAlive(array))
	}), nil
}

// sockmapTaken returns err of attaching to a map with the program that has the
// place already, or excludes another there.
func sockmapTaken(m *ebpf.Map, typ ebpf.AttachType, err error) error {
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	const remedy = "close the attachment that holds it, or replace its program with Attachment.Update"
	if ids, seen := queryHolders(m.FD(), typ); len(ids) > 0 {
		return taken(err, "the map has a program there already", ids, remedy, seen)
	}
	// net/core/sock_map.c, sock_map_prog_link_lookup
	other, excludes := map[ebpf.AttachType]ebpf.AttachType{
		ebpf.AttachSkSKBVerdict:       ebpf.AttachSkSKBStreamVerdict,
		ebpf.AttachSkSKBStreamVerdict: ebpf.AttachSkSKBVerdict,
	}[typ]
	if !excludes {
		return err
	}
	if ids, seen := queryHolders(m.FD(), other); len(ids) > 0 {
		return taken(err, fmt.Sprintf("the map has a program of another kind (%v), which excludes it", other), ids, "close the attachment that holds it", seen)
	}
	return err
}

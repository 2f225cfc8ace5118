package bpfx

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/netns"
)

// Attach attaches p, which must be of type [ebpf.SkLookup]. See [Attach].
func (h SkLookup) Attach(p *ebpf.Program) (*Attachment, error) {
	return h.Netns.attach(p, ebpf.SkLookup, "the network namespace has 64 sk_lookup programs, the most it can have")
}

// Attach attaches p, which must be of type [ebpf.FlowDissector]. See [Attach].
func (h FlowDissector) Attach(p *ebpf.Program) (*Attachment, error) {
	return h.Netns.attach(p, ebpf.FlowDissector, "the network namespace has a flow dissector already")
}

// attach attaches p, of type typ, to the namespace. full tells what it means
// when the namespace takes no more.
func (n Netns) attach(p *ebpf.Program, typ ebpf.ProgramType, full string) (*Attachment, error) {
	if err := checkProgram(p, typ); err != nil {
		return nil, err
	}
	fd := n.FD
	if n.Path != "" || fd == 0 {
		f, err := n.open()
		if err != nil {
			return nil, err
		}
		defer f.Close() // a link holds no descriptor of its namespace
		fd = int(f.Fd())
	}
	if err := checkNetns(fd); err != nil {
		return nil, fmt.Errorf("netns %v: %w", n, err)
	}
	l, err := link.AttachNetNs(fd, p)
	switch {
	case errors.Is(err, unix.E2BIG):
		err = fmt.Errorf("%s: %w", full, err)
	case errors.Is(err, unix.EEXIST) && typ == ebpf.FlowDissector:
		err = fmt.Errorf("a flow dissector of the initial network namespace, or of any other, rules this one out: %w", err)
	}
	if err != nil {
		return nil, err // l is a pointer: NewAttachment would take it for a link
	}
	return NewAttachment(l), nil
}

// open opens the namespace.
func (n Netns) open() (*os.File, error) {
	switch {
	case n.Path == "":
		return netns.Current()
	case n.FD != 0:
		return nil, errors.New("two namespaces: set Path or FD")
	}
	return os.Open(n.Path)
}

// checkNetns returns an error unless fd is a network namespace: what the kernel
// says of other descriptors is just EINVAL.
func checkNetns(fd int) error {
	typ, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	switch {
	case errors.Is(err, unix.EBADF):
		return err
	case err != nil || typ != unix.CLONE_NEWNET:
		return fmt.Errorf("not a network namespace: %w", unix.EINVAL)
	}
	return nil
}

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
	return h.Netns.attach(p, ebpf.SkLookup)
}

// Attach attaches p, which must be of type [ebpf.FlowDissector]. See [Attach].
func (h FlowDissector) Attach(p *ebpf.Program) (*Attachment, error) {
	return h.Netns.attach(p, ebpf.FlowDissector)
}

// attach attaches p, of type typ, to the namespace.
func (n Netns) attach(p *ebpf.Program, typ ebpf.ProgramType) (*Attachment, error) {
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
	if err != nil {
		return nil, netnsTaken(fd, typ, err)
	}
	return NewAttachment(l), nil
}

// netnsTaken returns err of attaching to a namespace with the programs that
// leave no room for another.
func netnsTaken(fd int, typ ebpf.ProgramType, err error) error {
	const most = 64 // net/core/net_namespace.c, netns_bpf_max_progs
	switch {
	case typ == ebpf.SkLookup && errors.Is(err, unix.E2BIG):
		if ids, seen := queryHolders(fd, ebpf.AttachSkLookup); len(ids) >= most {
			return taken(err, "the network namespace has 64 sk_lookup programs, the most it can have", ids, "detach one of them", seen)
		}
	case typ == ebpf.FlowDissector && errorsIsAny(err, unix.E2BIG, unix.EEXIST):
		const remedy = "detach it, or replace it with Attachment.Update"
		if ids, seen := queryHolders(fd, ebpf.AttachFlowDissector); len(ids) > 0 {
			return taken(err, "the network namespace has a flow dissector already", ids, remedy, seen)
		}
		// kernel/bpf: one in the initial namespace rules all others out.
		if first, openErr := os.Open("/proc/1/ns/net"); openErr == nil {
			defer first.Close() // only asked
			if ids, seen := queryHolders(int(first.Fd()), ebpf.AttachFlowDissector); len(ids) > 0 {
				return taken(err, "the initial network namespace has a flow dissector, which rules others out", ids, remedy, seen)
			}
		}
		l, id := linkWhere(func(info *link.Info) bool {
			n := info.NetNs()
			return n != nil && ebpf.AttachType(n.AttachType) == ebpf.AttachFlowDissector
		})
		if l != 0 {
			return taken(err, "another network namespace has a flow dissector, which rules out one in the initial namespace",
				[]ebpf.ProgramID{id}, remedy, fmt.Sprintf("BPF_LINK_GET_NEXT_ID: link %d", l))
		}
	}
	return err
}

// open opens the namespace.
func (n Netns) open() (*os.File, error) {
	switch {
	case n.Path == "":
		return netns.Current()
	case n.FD != 0:
		return nil, errors.New("two namespaces: set Path or FD")
	}
	return os.OpenFile(n.Path, os.O_RDONLY|unix.O_NONBLOCK, 0) // don't wait for who writes to a pipe
}

// checkNetns returns an error unless fd is a network namespace: what the kernel
// says of other descriptors is just EINVAL.
func checkNetns(fd int) error {
	typ, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	switch {
	case errors.Is(err, unix.ENOTTY), errors.Is(err, unix.EINVAL), err == nil && typ != unix.CLONE_NEWNET:
		return fmt.Errorf("not a network namespace: %w", unix.EINVAL)
	}
	return err
}

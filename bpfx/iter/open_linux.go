package iter

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
	"github.com/bpfx/go/internal/sys"
)

// attach makes the link of an iterator. What is known of the program is only
// looked up if it is needed: to open one is fast otherwise.
func attach(p *ebpf.Program, opts *Options, from *bpfx.Program) (_ link.Link, err error) {
	set, target := opts.params(), ""
	if set != ParamsNone {
		// The kernel doesn't look whether the options are those of the target: it
		// takes the descriptor of a map for a thread's id.
		target = targetOf(p, from)
		if err := opts.checkTarget(target); err != nil {
			return nil, err
		}
	}
	l, err := attachOptions(p, opts, set)
	if err != nil {
		target = targetOf(p, from)
		if target == "cgroup" && set == ParamsNone && errors.Is(err, unix.EINVAL) {
			if l, err = attachCgroup(p, Cgroup{}); err == nil {
				return l, nil // it needed an order
			}
		}
		return nil, explain(err, target, opts, recall(from))
	}
	defer func() {
		if err != nil {
			err = scope.Join(err, scope.CloseAlive(l))
		}
	}()
	switch {
	case set == ParamsTask:
		return l, verifyTask(l)
	case target == "" && set == ParamsMap:
		return l, verifyTarget(l, opts)
	}
	return l, nil
}

func attachOptions(p *ebpf.Program, opts *Options, set Params) (link.Link, error) {
	switch {
	case set == ParamsTask:
		return attachTask(p, opts.Task)
	case set == ParamsCgroup:
		return attachCgroup(p, opts.Cgroup)
	case set == ParamsMap && opts.Map.FD() < 0:
		return nil, fmt.Errorf("Options.Map is closed: %w", os.ErrClosed)
	}
	return link.AttachIter(link.IterOptions{Program: p, Map: opts.Map})
}

func attachTask(p *ebpf.Program, t Task) (link.Link, error) {
	if err := findTask(t); err != nil {
		return nil, err
	}
	fd, err := sys.LinkTaskIter(p.FD(), sys.TaskIter{TID: uint32(t.TID), PID: uint32(t.PID), PIDFD: uint32(t.PIDFD)})
	runtime.KeepAlive(p)
	if err != nil {
		return nil, err
	}
	return link.NewFromFD(fd)
}

// findTask looks whether there is the task: the kernel doesn't. It means the
// PID namespace of the caller, as kill(2) and pidfd_open(2) do.
func findTask(t Task) error {
	switch {
	case t.TID != 0:
		if err := unix.Kill(t.TID, 0); errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("Options.Task.TID: there is no thread %d in this PID namespace: %w", t.TID, err)
		}
	case t.PID != 0:
		fd, err := unix.PidfdOpen(t.PID, 0)
		if err == nil {
			return unix.Close(fd)
		}
		// What isn't the id of a process but of another thread of one is EINVAL, or
		// ENOENT since Linux 6.9.
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("Options.Task.PID: %d is a thread of a process: set Options.Task.TID: %w", t.PID, unix.ESRCH)
		}
		if errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("Options.Task.PID: there is no process %d in this PID namespace: %w", t.PID, err)
		}
	case t.PIDFD != 0:
		err := unix.PidfdSendSignal(t.PIDFD, 0, nil, 0)
		if errors.Is(err, unix.EBADF) {
			return fmt.Errorf("Options.Task.PIDFD: descriptor %d isn't one of pidfd_open(2): %w", t.PIDFD, err)
		}
		if errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("Options.Task.PIDFD: the process is gone: %w", err)
		}
		if errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("Options.Task.PIDFD: the process isn't in this PID namespace: %w", err)
		}
	}
	return nil
}

func attachCgroup(p *ebpf.Program, c Cgroup) (link.Link, error) {
	if c.Path != "" {
		fd, err := unix.Open(c.Path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("Options.Cgroup.Path: %w", &os.PathError{Op: "open", Path: c.Path, Err: err})
		}
		defer unix.Close(fd) // was read only
		c.FD = fd
	}
	if c.Order == 0 {
		c.Order = DescendantsPre
	}
	fd, err := sys.LinkCgroupIter(p.FD(), sys.CgroupIter{Order: uint32(c.Order), FD: uint32(c.FD), ID: c.ID})
	runtime.KeepAlive(p)
	if err != nil {
		return nil, err
	}
	return link.NewFromFD(fd)
}

// verifyTask makes sure that the kernel took the restriction: those before 6.1
// ignore a thread's id.
func verifyTask(l link.Link) error {
	info, err := linkInfo(l)
	if err != nil {
		return err
	}
	if info.TID == 0 && info.PID == 0 {
		return errNoTask()
	}
	return nil
}

func errNoTask() error {
	return fmt.Errorf("this kernel can't restrict an iterator to a task: Options.Task Requires Linux 6.1: %w", ebpf.ErrNotSupported)
}

// verifyTarget makes sure that the target takes the options, on kernels that
// don't tell it earlier. They ignore what it doesn't take.
func verifyTarget(l link.Link, opts *Options) error {
	info, err := linkInfo(l)
	if err != nil {
		return err
	}
	return opts.checkTarget(info.Target)
}

// targetOf returns the target of a program, as far as the kernel tells: "" if it
// doesn't, which is so before Linux 6.0, or if it isn't an iterator's.
func targetOf(p *ebpf.Program, from *bpfx.Program) string {
	if known := recall(from); known.target != "" {
		return known.target
	}
	id, err := sys.ProgTarget(p.FD())
	runtime.KeepAlive(p)
	if err != nil || id == 0 {
		return ""
	}
	targets, err := kernelTargets()
	if err != nil {
		return ""
	}
	if t := find(targets, func(t *Target) bool { return t.id == id }); t != nil {
		return t.Name
	}
	return notIterator
}

// notIterator stands for the target of programs that are no iterators.
const notIterator = "not an iterator"

// linkInfo asks for what a link is.
func linkInfo(l link.Link) (sys.IterLink, error) {
	raw, ok := l.(interface{ FD() int })
	if !ok {
		return sys.IterLink{}, fmt.Errorf("%T has no descriptor", l)
	}
	info, err := sys.IterLinkInfo(raw.FD())
	runtime.KeepAlive(l)
	if err != nil {
		return info, fmt.Errorf("link info: %w", err)
	}
	return info, nil
}

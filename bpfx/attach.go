package bpfx

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/progname"
)

// errNoHook is returned when a hook is needed and there is none.
var errNoHook = errors.New("nil hook: say where to attach")

// Hook is a place in the kernel where a program can run, such as [XDP] or
// [Kprobe]. Hooks are plain values: they hold no resources, print, and are
// compared by their String. [HookFunc] makes one for a place that this package
// doesn't know.
type Hook interface {
	// String returns the kind of hook and what tells it from others of its
	// kind, as in: kprobe "tcp_v4_connect".
	String() string
	// Attach attaches p. Callers use [Attach] or [Program.Attach], which add
	// to errors what was being attached where. p stays the caller's.
	Attach(p *ebpf.Program) (*Attachment, error)
}

// HookFunc returns a hook that attaches by calling attach: the way out for a
// hook that this package doesn't have. attach makes its result with
// [NewAttachment] or [AttachmentFunc]. name is what the hook prints.
func HookFunc(name string, attach func(*ebpf.Program) (*Attachment, error)) Hook {
	return &hookFunc{name, attach}
}

type hookFunc struct {
	name   string
	attach func(*ebpf.Program) (*Attachment, error)
}

func (h *hookFunc) String() string { return h.name }

func (h *hookFunc) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p); err != nil {
		return nil, err
	}
	if h.attach == nil {
		return nil, errors.New("HookFunc without a function")
	}
	return h.attach(p)
}

// AttachError is returned when a program can't be attached. It prints the
// cause if one was found; [Explain] tells more.
type AttachError struct {
	Hook Hook  // where to; nil if there was none
	Err  error // why not
}

func (e *AttachError) Error() string {
	if e.Hook == nil {
		return fmt.Sprintf("attach: %v", e.Err)
	}
	return fmt.Sprintf("attach to %v: %v", e.Hook, e.Err)
}

// Unwrap returns the cause. The errno lies below it.
func (e *AttachError) Unwrap() error { return e.Err }

// Attach attaches p to the place that h names. Every way to attach in this
// package comes down to it.
//
// The Attachment must be closed, and lives until then: dropping it detaches
// nothing. p stays the caller's; closing it does not detach. [Program.Attach]
// does both for those who have a [Program].
//
// Returns an [*AttachError]. It wraps [ebpf.ErrNotSupported] if the kernel or
// the platform lacks the hook, os.ErrClosed if p is closed, and the kernel's
// errno otherwise. [Explain] tells the cause.
func Attach(p *ebpf.Program, h Hook) (*Attachment, error) {
	if h == nil {
		return nil, &AttachError{Err: errNoHook}
	}
	a, err := h.Attach(p)
	if m, ok := h.(matched); ok {
		h = m.Hook
	}
	if err == nil && a == nil {
		err = errors.New("the hook returned neither an attachment nor an error")
	}
	if err != nil {
		return nil, &AttachError{Hook: h, Err: explainAttach(p, h, err)}
	}
	a.mu.Lock()
	a.hook = h
	if p != nil {
		a.typ = p.Type()
	}
	a.mu.Unlock()
	return a, nil
}

// checkProgram returns an error if p can't be attached to a hook that takes
// programs of the given types; any type will do if there are none.
func checkProgram(p *ebpf.Program, types ...ebpf.ProgramType) error {
	if p == nil || p.Type() == ebpf.UnspecifiedProgram {
		return errNoProgram
	}
	if p.FD() < 0 {
		return errClosedProgram
	}
	if len(types) == 0 || slices.Contains(types, p.Type()) {
		return nil
	}
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.String()
	}
	return fmt.Errorf("program %s is of type %v, the hook takes %s",
		programName(p), p.Type(), strings.Join(names, " or "))
}

// programName returns the name of p in quotes, or "without a name", as it is
// said after the word program.
func programName(p *ebpf.Program) string {
	if name := progname.Of(p); name != "" {
		return strconv.Quote(name)
	}
	return "without a name"
}

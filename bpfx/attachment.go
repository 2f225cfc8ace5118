package bpfx

import (
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/bpfx/go/internal/scope"
)

// live keeps attachments reachable until they are closed. Without it the
// garbage collector would close the descriptor of a link that nobody holds,
// and thereby detach the program.
var live struct {
	mu  sync.Mutex
	set map[*Attachment]struct{}
}

// Attachment is a program that is attached to a hook. It lives until Close.
// Its methods may be called from many goroutines; after Close they return an
// error wrapping [os.ErrClosed].
type Attachment struct {
	mu     sync.Mutex
	hook   Hook
	link   link.Link    // the kernel's; nil if it has none
	detach func() error // what Close does
	typ    ebpf.ProgramType
	owner  *Program // whose record it is in; nil if in none
	noPin  error    // why it can't be pinned though it has a link
	closed bool

	detaching sync.Mutex // held while detach runs
}

// NewAttachment makes an Attachment of a link and takes ownership of it. It is
// for hooks that users write; see [HookFunc]. A nil link makes nil, which
// attaching refuses.
func NewAttachment(l link.Link) *Attachment {
	if l == nil {
		return nil
	}
	a := &Attachment{detach: func() error { return scope.CloseAlive(l) }}
	if _, ok := l.(interface{ FD() int }); ok {
		a.link = l
	} // else cilium/ebpf made it up, since the kernel has none
	return keep(a)
}

// AttachmentFunc makes an Attachment that has no link, and calls detach once,
// on Close. It is for hooks that users write; see [HookFunc]. A nil function
// makes nil, which attaching refuses.
func AttachmentFunc(detach func() error) *Attachment {
	if detach == nil {
		return nil
	}
	return keep(&Attachment{detach: detach})
}

// keep makes an attachment reachable until Close.
func keep(a *Attachment) *Attachment {
	live.mu.Lock()
	defer live.mu.Unlock()
	if live.set == nil {
		live.set = make(map[*Attachment]struct{})
	}
	live.set[a] = struct{}{}
	return a
}

// LoadPinnedAttachment opens a link that was pinned, by this process or
// another. Close gives up this process's hold on it and does not detach while
// the pin is there: call Unpin first for that.
//
// Returns an error wrapping [os.ErrNotExist] if there is nothing at path, and
// [ErrNotBPFFS] if path isn't on a bpf filesystem.
func LoadPinnedAttachment(path string) (*Attachment, error) {
	l, err := link.LoadPinnedLink(path, nil)
	if err != nil {
		return nil, pinError("load pinned attachment", path, err)
	}
	a := NewAttachment(l)
	a.hook = HookFunc(fmt.Sprintf("pinned link %q", path), nil)
	return a, nil
}

// Hook returns what the program is attached to. It is nil for an Attachment
// that did not come from [Attach] or [Program.Attach].
func (a *Attachment) Hook() Hook {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hook
}

// String returns what the program is attached to.
func (a *Attachment) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.label()
}

func (a *Attachment) label() string {
	if a.hook == nil {
		return "attachment"
	}
	return a.hook.String()
}

// Link returns the kernel's link. It returns false after Close, and where the
// kernel has no link for the hook: sockmap programs before Linux 6.10, perf
// events before 5.15. The link stays the Attachment's and must not be closed.
func (a *Attachment) Link() (link.Link, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.link == nil {
		return nil, false
	}
	return a.link, true
}

// Update replaces the attached program by new, atomically where the kernel
// does. From then on the attachment is in the record of new, so closing the
// old program no longer detaches it.
//
// Returns an error wrapping [ebpf.ErrNotSupported] if the kernel can't do it
// for this kind of hook: XDP, network namespaces, sockmaps (from 6.10), tcx,
// netkit, cgroups and iterators can be updated. Attach new and close the old
// attachment then.
func (a *Attachment) Update(new *Program) error {
	if err := a.update(new); err != nil {
		return fmt.Errorf("update %v: %w", a, err)
	}
	return nil
}

func (a *Attachment) update(new *Program) error {
	if err := new.acquire(); err != nil {
		return err
	}
	defer new.mu.RUnlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return os.ErrClosed
	case a.link == nil:
		return fmt.Errorf("the kernel has no link for it; attach the new program and close this attachment: %w", ebpf.ErrNotSupported)
	}
	if a.typ != ebpf.UnspecifiedProgram {
		if err := checkProgram(new.Program, a.typ); err != nil {
			return err
		}
	}
	if err := a.link.Update(new.Program); err != nil {
		return err
	}
	a.moveToLocked(new)
	return nil
}

// Pin keeps the attachment beyond Close and the end of the process, until the
// file at path is removed. path must be on a bpf filesystem.
//
// Returns an error wrapping [ErrNotBPFFS] if it isn't, [os.ErrExist] if the
// file is there already, and [ebpf.ErrNotSupported] if there is no link to pin,
// or a [Kretprobe] with MaxActive.
func (a *Attachment) Pin(path string) error {
	return a.Use(func(l link.Link) error {
		if a.noPin != nil {
			return fmt.Errorf("pin attachment: %w", a.noPin)
		}
		if err := l.Pin(path); err != nil {
			return pinError("pin attachment", path, err)
		}
		return nil
	})
}

// Unpin removes the file that Pin made. The attachment lives on until Close.
// Unpinning what isn't pinned is fine.
func (a *Attachment) Unpin() error { return a.Use(link.Link.Unpin) }

// Use calls fn with the kernel's link, which can't be closed meanwhile:
// [Attachment.Close] waits for it. It is for functions that take a link or its
// descriptor. fn must neither close the link nor call methods of the attachment.
//
// Returns the error of fn, and an error wrapping [os.ErrClosed] after Close, or
// [ebpf.ErrNotSupported] if there is no link.
func (a *Attachment) Use(fn func(link.Link) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return fmt.Errorf("%s: %w", a.label(), os.ErrClosed)
	case a.link == nil:
		return fmt.Errorf("%s has no link: %w", a.label(), ebpf.ErrNotSupported)
	}
	return fn(a.link)
}

// Close detaches the program, unless the attachment is pinned, and frees what
// it holds. Whatever Close returns, the attachment is closed after it. Closing
// twice is fine.
func (a *Attachment) Close() error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	return a.closeUnlock()
}

// closeOwned closes a if it is in p's record still.
func (a *Attachment) closeOwned(p *Program) error {
	a.mu.Lock()
	if a.owner != p {
		a.mu.Unlock()
		return nil
	}
	return a.closeUnlock()
}

// closeUnlock closes a, which is locked, and unlocks it: detach may be a
// function of the user's, which may ask a what it is attached to.
func (a *Attachment) closeUnlock() error {
	if a.closed {
		a.mu.Unlock()
		a.detaching.Lock() // wait for who closed it
		defer a.detaching.Unlock()
		return nil
	}
	a.closed = true
	a.detaching.Lock() // free: only this call gets here
	defer a.detaching.Unlock()
	if a.owner != nil {
		a.owner.forget(a)
		a.owner = nil
	}
	a.mu.Unlock()

	live.mu.Lock()
	delete(live.set, a)
	live.mu.Unlock()
	if err := a.detach(); err != nil {
		return fmt.Errorf("detach from %v: %w", a, err)
	}
	return nil
}

// moveTo puts a into the record of p. The caller holds p.
func (a *Attachment) moveTo(p *Program) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.moveToLocked(p)
}

func (a *Attachment) moveToLocked(p *Program) {
	if a.owner == p || a.closed {
		return
	}
	if a.owner != nil {
		a.owner.forget(a)
	}
	a.owner = p
	p.attMu.Lock()
	defer p.attMu.Unlock()
	p.attachments = append(p.attachments, a)
}

// forget takes a out of the record of p.
func (p *Program) forget(a *Attachment) {
	p.attMu.Lock()
	defer p.attMu.Unlock()
	p.attachments = slices.DeleteFunc(p.attachments, func(b *Attachment) bool { return b == a })
}

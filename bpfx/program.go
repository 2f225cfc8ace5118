package bpfx

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/scope"
)

var (
	// errNoProgram is returned when a program is needed and there is none.
	errNoProgram = errors.New("nil program: load one first")
	// errClosedProgram is returned when a program is used after Close.
	errClosedProgram = fmt.Errorf("program is closed: %w", os.ErrClosed)
)

// Program is a program in the kernel and what it is attached to.
//
// It must be closed. Its methods may be called from many goroutines; after
// Close they return an error wrapping [os.ErrClosed]. The embedded
// [ebpf.Program] gives access to the rest of cilium/ebpf and must not be
// closed by itself.
type Program struct {
	*ebpf.Program

	// Maps are the maps that the program uses, by name. It is nil unless the
	// program comes from [LoadELF]. They are closed with the program.
	Maps map[string]*ebpf.Map
	// Variables are its global variables, by name, if it comes from [LoadELF].
	// Close sets it to nil: the memory of variables is only given back when
	// the garbage collector finds that nothing refers to them.
	Variables map[string]*ebpf.Variable

	mu     sync.RWMutex // held for reading while the descriptor is in use; see acquire
	closed bool
	once   sync.Once
	id     atomic.Uint32 // the program's, once Close has begun; 0 if it is not known

	stateMu     sync.Mutex // for what the embedded Program changes: its pin and its BTF
	attMu       sync.Mutex
	attachments []*Attachment
	deferred    []func() error // what Close calls last; see Defer
}

// Wrap makes a Program of p, for example of a field of the objects that bpf2go
// generates. It takes ownership: closing the Program closes p. Closing p
// besides, as the Close method of bpf2go's objects does, is harmless once the
// Program is closed. Wrapping nil gives a Program that can't be used.
func Wrap(p *ebpf.Program) *Program {
	return &Program{Program: p}
}

// Attach attaches the program and records the attachment, which [Program.Close]
// closes if nobody did before. See [Attach].
func (p *Program) Attach(h Hook) (*Attachment, error) {
	if err := p.acquire(); err != nil {
		return nil, &AttachError{Hook: h, Err: err}
	}
	defer p.mu.RUnlock()
	a, err := Attach(p.Program, h)
	if err != nil {
		return nil, err
	}
	a.moveTo(p)
	return a, nil
}

// Attachments returns what the program is attached to through
// [Program.Attach] or [Attachment.Update], oldest first.
func (p *Program) Attachments() []*Attachment {
	if p == nil {
		return nil
	}
	p.attMu.Lock()
	defer p.attMu.Unlock()
	return slices.Clone(p.attachments)
}

// Attached reports whether [Program.Attachments] returns any.
func (p *Program) Attached() bool { return len(p.Attachments()) > 0 }

// Loaded reports whether the program still exists in the kernel. That can be
// so after Close: a pin, an attachment that was pinned, a slot of a program
// array or another process may keep it. The kernel frees a program some time
// after its last user is gone, so a caller that waits for that has to poll.
//
// Requires CAP_SYS_ADMIN after Close; without it, returns false.
func (p *Program) Loaded() bool {
	if p.acquire() == nil {
		p.mu.RUnlock()
		return true // our descriptor keeps it
	}
	if p == nil || p.id.Load() == 0 {
		return false
	}
	id := ebpf.ProgramID(p.id.Load())
	next, err := ebpf.ProgramGetNextID(id - 1)
	return err == nil && next == id
}

// Close detaches the program from everything that [Program.Attachments] lists,
// newest first, closes it and its maps, and calls what [Program.Defer] was
// given. It waits for runs that are under way; no method begins another any
// more. All errors are joined. Closing twice is fine.
//
// The program stays in the kernel while it is pinned or something else refers
// to it; see [Program.Loaded].
func (p *Program) Close() (err error) {
	if p == nil || p.Program == nil {
		return nil
	}
	p.once.Do(func() { err = p.close() })
	return err
}

func (p *Program) close() error {
	p.id.Store(uint32(programID(p.Program)))
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()

	// From here on acquire fails: nobody else uses the descriptor.
	var errs []error
	for _, a := range slices.Backward(p.Attachments()) {
		errs = append(errs, a.closeOwned(p))
	}
	errs = append(errs, scope.CloseAlive(p.Program), closeMaps(p.Maps), p.callDeferred())
	p.Variables = nil
	return scope.Join(errs...)
}

// closeMaps closes all maps, in the order of their names.
func closeMaps(all map[string]*ebpf.Map) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		errs = append(errs, scope.CloseAlive(all[name]))
	}
	return scope.Join(errs...)
}

// acquire keeps the descriptor open until p.mu.RUnlock is called. It fails as
// soon as Close waits for the lock, which nobody else takes for writing: who
// holds one program and asks for it again, or for another one, would wait for a
// Close that waits for them.
func (p *Program) acquire() error {
	if p == nil || p.Program == nil {
		return errNoProgram
	}
	if !p.mu.TryRLock() {
		return errClosedProgram
	}
	if p.closed {
		p.mu.RUnlock()
		return errClosedProgram
	}
	return nil
}

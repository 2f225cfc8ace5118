package structops

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
)

var (
	// ErrRegistered is returned by [Ops.Register] when the operations are
	// registered already, and by [Ops.Replace] when the new ones are.
	ErrRegistered = errors.New("registered already")
	// ErrNotRegistered is returned when operations have to be registered and
	// aren't.
	ErrNotRegistered = errors.New("not registered")

	errClosed  = fmt.Errorf("operations are closed: %w", os.ErrClosed)
	errSameMap = errors.New("it is the same operations: the kernel would corrupt its list and stop")
)

// Ops are operations in the kernel. They must be closed. The methods may be
// called from many goroutines; after Close they return an error wrapping
// [os.ErrClosed].
type Ops struct {
	// Programs are the programs by member. They are closed with the Ops.
	// Programs, Maps and Variables are nil if it comes from [LoadPinned].
	Programs map[string]*bpfx.Program
	// Maps are the maps that programs use. They are closed with the Ops.
	Maps map[string]*ebpf.Map
	// Variables are the global variables.
	Variables map[string]*ebpf.Variable

	typ  *Type
	spec *Spec
	coll *bpfx.Collection

	mu     sync.Mutex
	value  []byte // what is put into the map
	m      *ebpf.Map
	id     ebpf.MapID
	old    []*ebpf.Map // were registered without a link, and can't be again; sockets may use them
	linked bool        // m is registered by a link
	link   *bpfx.Attachment
	inUse  bool // m is registered without a link
	pinned string
	closed bool
}

// Type returns the type of the operations.
func (o *Ops) Type() *Type {
	if o == nil {
		return nil
	}
	return o.typ
}

// Name returns the name of the operations: what sockets ask for.
func (o *Ops) Name() string {
	if o == nil {
		return ""
	}
	return o.spec.Name
}

// String returns type and name, for people.
func (o *Ops) String() string {
	if o == nil {
		return "nil operations"
	}
	return o.spec.String()
}

// ID returns the id of the map that the operations are in.
func (o *Ops) ID() ebpf.MapID {
	if o == nil {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.id
}

// Registered reports whether the operations are registered: by Register, or by
// Replace in place of others. Whether someone else has taken that back
// meanwhile it doesn't know.
func (o *Ops) Registered() bool {
	if o == nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.registered()
}

func (o *Ops) registered() bool { return o.link != nil || o.inUse }

// Register has the kernel use the operations: sockets can ask for a congestion
// control from now on. They stay registered until Unregister or Close, or, if
// they are registered without a link, until somebody unregisters them: they
// outlive the process.
//
// Returns an error wrapping [os.ErrExist], which says who has it, if the name
// is taken, and [ErrRegistered] if these operations are registered already.
// Uses a link from Linux 6.4 on.
func (o *Ops) Register() error {
	if o == nil {
		return errNilOps
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.register(); err != nil {
		return fmt.Errorf("register %v: %w", o, o.explain(err))
	}
	return nil
}

var errNilOps = errors.New("nil operations: load them first")

func (o *Ops) register() error {
	switch {
	case o.closed:
		return errClosed
	case o.registered():
		return ErrRegistered
	case o.linked:
		l, err := attachMap(o.m)
		if err != nil {
			return err
		}
		o.link = bpfx.NewAttachment(l)
		return nil
	}
	state, _, err := readState(o.m)
	if err != nil {
		return err
	}
	if state != stateInit { // it was registered once: such a map can't be again
		if err := o.newMap(); err != nil {
			return err
		}
	}
	if err := o.m.Put(uint32(0), o.value); err != nil {
		return err
	}
	if state, _, err = readState(o.m); err != nil {
		return scope.Join(err, o.m.Delete(uint32(0))) // it may be registered
	}
	if state != stateInUse {
		return errors.New("the kernel has silently refused the values")
	}
	o.inUse = true
	return nil
}

// explain adds what errnos of registering mean.
func (o *Ops) explain(err error) error {
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("the name is taken by %s: %w", holder(o.typ, o.spec.Name), err)
	}
	if errors.Is(err, syscall.EOPNOTSUPP) && o.linked {
		err = fmt.Errorf("the kernel doesn't register this type by a link (it may without: set NoLink): %w", err)
	}
	return notSupported(err)
}

// Unregister takes the registration back, and removes its pin. Sockets that use
// the operations keep them until they are closed or told otherwise: see
// [Ops.WaitUnused]. Register can be called again.
//
// Returns [ErrNotRegistered] if they aren't registered. A link that another
// process or pin holds too keeps them registered: see [UnregisterByName].
func (o *Ops) Unregister() error {
	if o == nil {
		return errNilOps
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return fmt.Errorf("unregister %v: %w", o, errClosed)
	}
	if !o.registered() {
		return fmt.Errorf("unregister %v: %w", o, ErrNotRegistered)
	}
	if err := o.unregister(); err != nil {
		return fmt.Errorf("unregister %v: %w", o, err)
	}
	return nil
}

func (o *Ops) unregister() error {
	if err := o.unpin(); err != nil {
		return err
	}
	if o.link != nil {
		l := o.link
		o.link = nil
		return l.Close()
	}
	o.inUse = false
	if err := o.m.Delete(uint32(0)); !isUnregistered(err) {
		return err
	}
	return nil
}

// isUnregistered reports whether a map without a link can't be unregistered
// since somebody else has done it.
func isUnregistered(err error) bool {
	return errors.Is(err, syscall.EINPROGRESS) || errors.Is(err, os.ErrNotExist)
}

// Close unregisters the operations unless they are pinned, and closes the
// programs and maps. Sockets that use the operations keep them until they are
// closed. Closing twice is fine.
func (o *Ops) Close() error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil
	}
	o.closed = true
	var errs []error
	switch {
	case o.pinned == "" && o.registered():
		errs = append(errs, o.unregister())
	case o.link != nil:
		errs = append(errs, o.link.Close())
	}
	if o.m != nil {
		errs = append(errs, scope.CloseAlive(o.m))
	}
	for _, m := range o.old {
		errs = append(errs, scope.CloseAlive(m))
	}
	errs = append(errs, o.coll.Close())
	o.Variables = nil
	if err := scope.Join(errs...); err != nil {
		return fmt.Errorf("close %v: %w", o, err)
	}
	return nil
}

package tailcall

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
)

// Chain is programs in the kernel that tail-call each other through an array.
//
// It must be closed. It holds its arrays open, and so does its entry: as long
// as the entry has an attachment made by its Attach method, the arrays keep
// their slots, even if the Chain is closed with the programs kept, or dropped.
// An attachment that is pinned by itself outlives the process, but the slots
// don't: see [Chain.Pin].
//
// Its methods may be called from many goroutines; after Close, those that
// return an error return one wrapping [os.ErrClosed].
type Chain struct {
	*core
	array *liveArray // the one that the methods are about
}

// A core is what a chain and its nested ones share.
type core struct {
	mu     sync.Mutex
	closed bool
	spec   *Spec // what it was loaded from, or little more than the array's name
	entry  *bpfx.Program
	others []*bpfx.Program
	arrays []*liveArray // the chain's own, then the nested
	owned  []*bpfx.Program
	nodes  map[*bpfx.Program]*node // what is known of programs
	coll   *bpfx.Collection        // the maps, arrays included; nil if they aren't ours
	undo   []func() error          // what Close does besides
	pins   []func() error          // what Unpin does
}

// A liveArray is an array in the kernel and what was put in it.
type liveArray struct {
	name     string
	m        *ebpf.Map
	fd       int        // of m, also when it is closed
	id       ebpf.MapID // 0 until Graph asks
	max      uint32
	slots    []*bpfx.Program // of all slots, nil for an empty one
	optional map[uint32]bool
}

func newLiveArray(name string, m *ebpf.Map, optional map[uint32]bool) *liveArray {
	return &liveArray{name: name, m: m, fd: m.FD(), max: m.MaxEntries(), slots: make([]*bpfx.Program, m.MaxEntries()), optional: optional}
}

// SlotError says what is wrong with a slot.
type SlotError struct {
	Array   string // the name of the array
	Slot    uint32
	Program string // the name of the program; "" if there is none
	Err     error
}

func (e *SlotError) Error() string {
	if e.Program == "" {
		return fmt.Sprintf("array %q, slot %d: %v", e.Array, e.Slot, e.Err)
	}
	return fmt.Sprintf("array %q, slot %d, program %q: %v", e.Array, e.Slot, e.Program, e.Err)
}

// Unwrap returns the cause.
func (e *SlotError) Unwrap() error { return e.Err }

var errClosed = fmt.Errorf("chain is closed: %w", os.ErrClosed)

// Entry returns the program to attach. It is the chain's if [Load] loaded it.
func (c *Chain) Entry() *bpfx.Program { return c.entry }

// Others returns the programs that are in no slot, beside the entry.
func (c *Chain) Others() []*bpfx.Program { return slices.Clone(c.others) }

// Program returns the program in a slot, nil if it is empty. It may be closed
// when Swap replaces it.
func (c *Chain) Program(slot uint32) *bpfx.Program {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slot >= c.array.max {
		return nil
	}
	return c.array.slots[slot]
}

// ByName returns the program of that name among the entry, the others and the
// programs in all arrays. It returns nil if there is none, or several.
func (c *Chain) ByName(name string) *bpfx.Program {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found *bpfx.Program
	for _, p := range c.programs() {
		if c.name(p) != name {
			continue
		}
		if found != nil {
			return nil
		}
		found = p
	}
	return found
}

// programs returns all programs, each once.
func (c *core) programs() (list []*bpfx.Program) {
	seen := make(map[*bpfx.Program]bool)
	add := func(p *bpfx.Program) {
		if p != nil && !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	add(c.entry)
	for _, p := range c.others {
		add(p)
	}
	for _, a := range c.arrays {
		for _, p := range a.slots {
			add(p)
		}
	}
	return list
}

// Len returns how many slots have a program.
func (c *Chain) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, p := range c.array.slots {
		if p != nil {
			n++
		}
	}
	return n
}

// MaxEntries returns how many slots the array has.
func (c *Chain) MaxEntries() uint32 { return c.array.max }

// All returns the slots that have a program, in order. It yields what was
// there when the loop began.
func (c *Chain) All() iter.Seq2[uint32, *bpfx.Program] {
	return func(yield func(uint32, *bpfx.Program) bool) {
		c.mu.Lock()
		slots := slices.Clone(c.array.slots)
		c.mu.Unlock()
		for i, p := range slots {
			if p != nil && !yield(uint32(i), p) {
				return
			}
		}
	}
}

// Nested returns the chain as seen from another of its arrays: the methods
// about slots are about that one. Closing it closes the whole chain. It
// returns nil if there is no array of that name.
func (c *Chain) Nested(name string) *Chain {
	for _, a := range c.arrays {
		if a.name == name {
			return &Chain{c.core, a}
		}
	}
	return nil
}

// Map returns an array of the chain, or another map that its programs use, by
// name; nil if there is none. It is only valid until Close and must not be
// closed.
func (c *Chain) Map(name string) *ebpf.Map {
	for _, a := range c.arrays {
		if a.name == name {
			return a.m
		}
	}
	if c.coll == nil {
		return nil
	}
	return c.coll.Maps[name]
}

// Variable returns a global variable of the chain's programs by name; nil if
// there is none. It is only valid until Close.
func (c *Chain) Variable(name string) *ebpf.Variable {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.coll == nil || c.closed {
		return nil
	}
	return c.coll.Variables[name]
}

// Set puts p into a slot, in place of what is there: at no moment is the slot
// empty. p stays the caller's; it may be closed, since the slot keeps it in the
// kernel. What it replaces stays open until Close if it is the chain's. What p
// calls is not checked: Swap does that.
//
// The kernel takes microseconds for a slot that is called with a variable
// index, some more for one that is called with a constant: it rewrites the
// calls. Returns a [*SlotError].
func (c *Chain) Set(slot uint32, p *bpfx.Program) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return &SlotError{c.array.name, slot, c.nameOf(p), errClosed}
	}
	return c.put(c.array, slot, p)
}

// put puts p into a slot and notes it.
func (c *core) put(a *liveArray, slot uint32, p *bpfx.Program) error {
	err := c.checkPut(a, slot, p)
	if err == nil {
		err = p.Use(func(p *ebpf.Program) error {
			// Put takes pointers as they are: no second allocation, no look at types.
			elem := struct{ slot, fd uint32 }{slot, uint32(p.FD())}
			return a.m.Put(unsafe.Pointer(&elem.slot), unsafe.Pointer(&elem.fd))
		})
		if err != nil {
			err = c.explainPut(a, p, err)
		}
	}
	if err != nil {
		return &SlotError{a.name, slot, c.nameOf(p), err}
	}
	a.slots[slot] = p
	return nil
}

// Clear empties a slot: calls of it fall through from then on. To replace a
// program, use Set, which leaves no gap. Returns a [*SlotError]; it wraps
// [ebpf.ErrKeyNotExist] if the slot is empty.
func (c *Chain) Clear(slot uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := errClosed
	switch {
	case c.closed:
	case slot >= c.array.max:
		err = c.array.outOfRange()
	default:
		err = c.array.m.Delete(slot)
	}
	if err != nil {
		return &SlotError{c.array.name, slot, "", err}
	}
	c.array.slots[slot] = nil
	return nil
}

// Close detaches and closes the programs that the chain loaded, unless
// KeepPrograms was set, and closes its maps. Programs that the caller handed
// in are left as they are. It waits for other methods to end. All errors are
// joined. Closing twice is fine.
func (c *Chain) Close() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	return c.close() // unlocked: detaching may call functions of the user's
}

func (c *core) close() error {
	var errs []error
	if c.spec == nil || !c.spec.KeepPrograms {
		// The entry is first: nothing must run that calls into the rest.
		for _, p := range c.owned {
			if err := p.Close(); err != nil {
				errs = append(errs, fmt.Errorf("close program %q: %w", c.name(p), err))
			}
		}
	}
	for _, fn := range slices.Backward(c.undo) {
		errs = append(errs, fn())
	}
	return scope.Join(errs...)
}

// With loads a chain, calls fn with it and closes it, which also detaches it.
//
// If loading fails, fn is not called and the error is returned, wrapped. When
// fn returns, its error comes back unchanged if closing works; an error of
// closing is joined to it. Closing is deferred, so it also happens if fn
// panics, or ends the goroutine as testing's FailNow does; panics are not
// recovered. The chain must not be used after fn returns.
func With(s *Spec, fn func(*Chain) error) error {
	return scope.With(func() (*Chain, error) { return Load(s) }, fn)
}

// hold has the entry and the others keep the arrays open as long as they are.
func (c *core) hold() error {
	roots := append([]*bpfx.Program{c.entry}, c.others...)
	for _, p := range roots {
		for _, a := range c.arrays {
			clone, err := a.m.Clone()
			if err != nil {
				return fmt.Errorf("array %q: %w", a.name, err)
			}
			release := sync.OnceValue(clone.Close)
			if err := p.Defer(release); err != nil {
				return scope.Join(fmt.Errorf("program %q: %w", c.name(p), err), release())
			}
			if !slices.Contains(c.owned, p) {
				c.undo = append(c.undo, func() error {
					if p.Attached() {
						return nil // until p is closed
					}
					return release()
				})
			}
		}
	}
	return nil
}

var errNilProgram = errors.New("nil program: to empty the slot, use Clear")

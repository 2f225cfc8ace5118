package tailcall

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
)

// The names of pins, in front of those of arrays or of numbers.
const (
	pinArray  = "array_"
	pinNested = "nested_"
	pinEntry  = "entry"
	pinOther  = "other_"
	pinLink   = "link_"
)

// Pin keeps the chain working beyond Close and the end of the process: it pins
// the arrays, the entry, the others and what these are attached to in dir, which
// must be on a bpf filesystem and is made if need be. Programs in slots are
// kept by the arrays. A pinned attachment without its arrays would run on with
// empty slots, so all are pinned or none is.
//
// Attachments are link_0 and so on, for [bpfx.LoadPinnedAttachment]; what is
// attached later isn't pinned. Removing the files ends it, as Unpin does.
//
// Returns an error wrapping [ebpf.ErrNotSupported] if there is an attachment
// that can't be pinned, [os.ErrExist] if one is pinned elsewhere, and
// [bpfx.ErrNotBPFFS] and [os.ErrExist] as [bpfx.Program.Pin] does.
func (c *Chain) Pin(dir string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return fmt.Errorf("pin chain: %w", errClosed)
	}
	if len(c.pins) > 0 {
		return fmt.Errorf("pin chain: it is pinned already, use Unpin first: %w", os.ErrExist)
	}
	if dir == "" {
		return errors.New("pin chain: empty path")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("pin chain: %w", err)
	}
	if err := c.pin(dir); err != nil {
		undo := c.pins
		c.pins = nil
		return scope.Join(fmt.Errorf("pin chain %q: %w", c.spec.Map, err), callAll(undo))
	}
	return nil
}

// pin pins attachments last: if the process is killed meanwhile, none stays
// without the arrays.
func (c *core) pin(dir string) error {
	roots := append([]*bpfx.Program{c.entry}, c.others...)
	for i, p := range roots {
		name := pinEntry
		if i > 0 {
			name = fmt.Sprintf("%s%04d", pinOther, i-1) // which ReadDir sorts
		}
		clone, err := p.Clone() // which has no pin that would be moved
		if err != nil {
			return err
		}
		q := bpfx.Wrap(clone)
		if err := scope.Join(c.pinned(filepath.Join(dir, name), q.Pin), q.Close()); err != nil {
			return err
		}
	}
	for i, a := range c.arrays {
		name := pinArray + a.name
		if i > 0 {
			name = pinNested + a.name
		}
		clone, err := a.m.Clone()
		if err != nil {
			return fmt.Errorf("array %q: %w", a.name, err)
		}
		if err := scope.Join(c.pinned(filepath.Join(dir, name), clone.Pin), scope.CloseAlive(clone)); err != nil {
			return fmt.Errorf("array %q: %w", a.name, err)
		}
	}
	n := 0
	for _, p := range roots {
		for _, a := range p.Attachments() {
			if err := c.pinAttachment(a, filepath.Join(dir, fmt.Sprint(pinLink, n))); err != nil {
				return err
			}
			n++
		}
	}
	return nil
}

func (c *core) pinAttachment(a *bpfx.Attachment, path string) error {
	err := a.Use(func(l link.Link) error {
		if p, ok := l.(interface{ IsPinned() bool }); ok && p.IsPinned() {
			return fmt.Errorf("pinned already, and would lose that pin: use its Unpin first: %w", os.ErrExist)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("pin %v: %w", a, err)
	}
	if err := a.Pin(path); err != nil {
		return err
	}
	c.pins = append(c.pins, func() error {
		err := a.Unpin()
		if errors.Is(err, os.ErrClosed) {
			err = remove(path) // the pin outlives the attachment
		}
		return err
	})
	return nil
}

// pinned pins something and notes how to unpin it.
func (c *core) pinned(path string, pin func(string) error) error {
	if err := pin(path); err != nil {
		return err
	}
	c.pins = append(c.pins, func() error { return remove(path) })
	return nil
}

// remove removes a file, which somebody may have done already.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Unpin removes what Pin made and is there still. The chain works on until
// Close. Unpinning what isn't pinned is fine.
func (c *Chain) Unpin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return fmt.Errorf("unpin chain: %w", errClosed)
	}
	pins := c.pins
	c.pins = nil
	return callAll(pins)
}

// callAll calls functions, last first, and joins the errors.
func callAll(list []func() error) error {
	var errs []error
	for _, fn := range slices.Backward(list) {
		errs = append(errs, fn())
	}
	return scope.Join(errs...)
}

// LoadPinned opens a chain that was pinned in dir, by this process or another.
// The chain must be closed, which leaves the pins, and what they keep, as they
// are. Its programs were not loaded from a Spec here: [Chain.Graph] reads them
// from the kernel.
//
// Requires CAP_SYS_ADMIN. Returns an error wrapping [os.ErrNotExist] if a part
// of the chain isn't there.
func LoadPinned(dir string) (*Chain, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("load pinned chain: %w", err)
	}
	var p pinnedChain
	if err := p.open(dir, files); err != nil {
		return nil, scope.Join(fmt.Errorf("load pinned chain: %w", err), p.close())
	}
	c, err := newChain(p.arrays, p.entry, p.others, nil)
	if err != nil {
		p.arrays = nil // newChain closed them
		return nil, scope.Join(fmt.Errorf("load pinned chain: %s: %w", dir, err), p.close())
	}
	c.owned = append(append([]*bpfx.Program{p.entry}, p.others...), c.owned...)
	return c, nil
}

// pinnedChain is a chain that is being opened.
type pinnedChain struct {
	own    bool       // the chain's own array is there
	arrays []namedMap // it comes first
	entry  *bpfx.Program
	others []*bpfx.Program
}

// open opens the files of a chain.
func (p *pinnedChain) open(dir string, files []os.DirEntry) (err error) {
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		prefix, name, _ := strings.Cut(f.Name(), "_")
		switch prefix + "_" {
		case pinArray, pinNested:
			m, err := ebpf.LoadPinnedMap(path, nil)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			p.own = p.own || prefix+"_" == pinArray // before the nested ones: ReadDir sorts
			p.arrays = append(p.arrays, namedMap{name, m})
			if m.Type() != ebpf.ProgramArray {
				return fmt.Errorf("%s is a %v, not a ProgramArray", path, m.Type())
			}
		case pinEntry + "_":
			if f.Name() != pinEntry {
				continue
			}
			if p.entry, err = bpfx.LoadPinned(path); err != nil {
				return err
			}
		case pinOther:
			other, err := bpfx.LoadPinned(path)
			if err != nil {
				return err
			}
			p.others = append(p.others, other)
		}
	}
	if p.entry == nil || !p.own {
		return fmt.Errorf("%s: the array or the entry is not there: %w", dir, os.ErrNotExist)
	}
	return nil
}

func (p *pinnedChain) close() error {
	errs := []error{p.entry.Close()}
	for _, o := range p.others {
		errs = append(errs, o.Close())
	}
	for _, a := range p.arrays {
		errs = append(errs, scope.CloseAlive(a.m))
	}
	return scope.Join(errs...)
}

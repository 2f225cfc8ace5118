package iter

import (
	"fmt"

	"github.com/cilium/ebpf/link"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/scope"
)

// LoadPinned opens an iterator that was pinned, by this process or another. It
// can be read again and again, a session each. Close gives up this process's
// hold on it, and removes neither pin nor iterator: call Unpin for that.
//
// Returns an error wrapping [os.ErrNotExist] if there is nothing at path,
// [bpfx.ErrNotBPFFS] if path isn't on a bpf filesystem, and one that says what
// it is if it isn't an iterator.
func LoadPinned(path string) (*Iterator, error) {
	a, err := bpfx.LoadPinnedAttachment(path)
	if err != nil {
		return nil, fmt.Errorf("iterator: %w", err)
	}
	err = a.Use(func(l link.Link) error {
		if err := checkIter(l); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if err != nil {
		// Only what was opened here is closed: the link is pinned.
		return nil, fmt.Errorf("iterator: load pinned: %w", scope.Join(err, a.Close()))
	}
	it := newIterator()
	it.a = a
	return it, nil
}

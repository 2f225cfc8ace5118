package iter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/bpfx/go/bpfx"
)

var errNilIterator = errors.New("nil iterator: open one first")

// Iterator is a program that the kernel calls with each object of a kind
// whenever somebody reads. Every function that reads starts a session of its
// own, which goes over the objects from the first one on; sessions may be many
// and at the same time.
//
// It is an attachment of its program, and must be closed. Its methods, and the
// functions that read from it, may be used from many goroutines; after Close
// they return an error wrapping [os.ErrClosed].
type Iterator struct {
	*state
	ctx context.Context // nil for none
}

// state is what an iterator shares with those that WithContext makes of it.
type state struct {
	a    *bpfx.Attachment
	hook hook

	replacing sync.RWMutex  // held for reading while a session starts
	program   *bpfx.Program // nil if it isn't at hand
}

func newIterator() *Iterator {
	both := new(struct { // one allocation
		Iterator
		state
	})
	both.Iterator.state = &both.state
	return &both.Iterator
}

// WithContext returns the same iterator, whose sessions end with the cause of
// ctx once it is done: closing one closes both. It is looked at before each
// read of the kernel, which returns some thousands of objects, or after it went
// over a million that the program wrote nothing for. A read that is under way
// isn't interrupted.
func (it *Iterator) WithContext(ctx context.Context) *Iterator {
	if it == nil {
		return nil
	}
	return &Iterator{it.state, ctx}
}

// Reader starts a session. The caller must close the reader, which may be used
// by one goroutine at a time; closing it while it reads is fine.
//
// A session that has started goes on to its end also if the iterator or its
// program is closed meanwhile: the kernel keeps what it needs.
func (it *Iterator) Reader() (io.ReadCloser, error) {
	r := new(reader)
	if err := it.start(&r.session); err != nil {
		return nil, err
	}
	return r, nil
}

// start starts a session.
func (it *Iterator) start(s *session) (err error) {
	if it == nil {
		return errNilIterator
	}
	if it.ctx != nil && it.ctx.Err() != nil {
		return fmt.Errorf("read iterator: %w", context.Cause(it.ctx))
	}
	s.ctx = it.ctx
	it.replacing.RLock()
	defer it.replacing.RUnlock()
	s.program = it.program
	err = it.a.Use(func(l link.Link) (err error) {
		s.src, err = startSession(l)
		return err
	})
	if err != nil {
		return fmt.Errorf("read iterator: %w", err)
	}
	return nil
}

// read starts a session, calls fn with it, which reports whether the caller has
// left early, and ends it, also if fn panics.
func (it *Iterator) read(fn func(*session) (left bool, err error)) (err error) {
	s := new(session)
	if err := it.start(s); err != nil {
		return err
	}
	left := false
	defer func() {
		// Who has left a loop can't be told; and nothing was written.
		if closeErr := s.Close(); err == nil && !left {
			err = closeErr
		}
	}()
	left, err = fn(s)
	return err
}

// ReadAll returns all that the program writes in a session. With an error it
// returns what was read until then.
func (it *Iterator) ReadAll() (data []byte, err error) {
	err = it.read(func(s *session) (left bool, err error) {
		data, err = s.all()
		return false, err
	})
	return data, err
}

// Update replaces the program by new, atomically, for sessions that start from
// now on. It is then an attachment of new: closing the old program no longer
// closes it.
//
// Returns an error that names both targets if new is for another one.
func (it *Iterator) Update(new *bpfx.Program) error {
	if it == nil {
		return fmt.Errorf("update: %w", errNilIterator)
	}
	it.replacing.Lock()
	err := it.a.Update(new)
	if err == nil {
		it.program = new
	}
	it.replacing.Unlock()
	if err == nil {
		return nil
	}
	if new == nil || new.Program == nil {
		return err
	}
	// What is told of the errno can only fail for a reason that err has already.
	_ = it.a.Use(func(l link.Link) error {
		return new.Use(func(p *ebpf.Program) error {
			err = updateError(l, p, new, err)
			return nil
		})
	})
	return err
}

// Pin keeps the iterator beyond Close and the end of the process, until the
// file at path is removed. path must be on a bpf filesystem. Everyone who may
// read the file can run the program, with cat for instance: each time it is
// opened a session starts. [LoadPinned] makes an Iterator of it.
//
// Returns an error wrapping [bpfx.ErrNotBPFFS] if it isn't on a bpf filesystem,
// and [os.ErrExist] if the file is there already.
func (it *Iterator) Pin(path string) error {
	if it == nil {
		return fmt.Errorf("pin: %w", errNilIterator)
	}
	return it.a.Pin(path)
}

// Unpin removes the file that Pin made. The iterator lives on until Close.
// Unpinning what isn't pinned is fine.
func (it *Iterator) Unpin() error {
	if it == nil {
		return fmt.Errorf("unpin: %w", errNilIterator)
	}
	return it.a.Unpin()
}

// Attachment returns the attachment of the program that the iterator is, one
// of [bpfx.Program.Attachments]. Closing it closes the iterator. To replace the
// program, call [Iterator.Update], which notes how long the records of the new
// one are, and not the attachment's.
func (it *Iterator) Attachment() *bpfx.Attachment {
	if it == nil {
		return nil
	}
	return it.a
}

// String returns "iterator" and the target if it is known, for people.
func (it *Iterator) String() string {
	if it == nil {
		return "nil iterator"
	}
	return it.a.String()
}

// Close closes the iterator. Sessions that were started go on. Closing twice is
// fine.
func (it *Iterator) Close() error {
	if it == nil {
		return nil
	}
	return it.a.Close()
}

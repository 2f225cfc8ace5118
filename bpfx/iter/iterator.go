package iter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

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
	size atomic.Int64 // of records, in bytes; 0 if it isn't known
}

func newIterator(a *bpfx.Attachment, size int) *Iterator {
	both := &struct {
		Iterator
		state
	}{state: state{a: a}}
	both.size.Store(int64(size))
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
	s, err := it.start()
	if err != nil {
		return nil, err
	}
	return &reader{session: *s}, nil
}

// start starts a session.
func (it *Iterator) start() (*session, error) {
	if it == nil {
		return nil, errNilIterator
	}
	if it.ctx != nil && it.ctx.Err() != nil {
		return nil, fmt.Errorf("read iterator: %w", context.Cause(it.ctx))
	}
	var src io.ReadCloser
	err := it.a.Use(func(l link.Link) (err error) {
		src, err = startSession(l)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read iterator: %w", err)
	}
	return &session{src, it.ctx}, nil
}

// ReadAll returns all that the program writes in a session.
func (it *Iterator) ReadAll() (data []byte, err error) {
	s, err := it.start()
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := s.Close(); err == nil {
			err = closeErr
		}
	}()
	return s.all()
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
	err := it.a.Update(new)
	if err == nil {
		it.size.Store(int64(recall(new).size))
		return nil
	}
	if new == nil || new.Program == nil {
		return err
	}
	// What is told of the errno can only fail for a reason that err has already.
	_ = it.a.Use(func(l link.Link) error {
		return new.Use(func(p *ebpf.Program) error {
			err = updateError(l, p, recall(new), err)
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
// of [bpfx.Program.Attachments]. Closing it closes the iterator.
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

package bpfx

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/cilium/ebpf/link"

	"github.com/bpfx/go/internal/scope"
)

// Attached is an object whose programs are attached. It must be closed.
type Attached struct {
	// Collection has the programs and maps. After [LoadAndAttach] it is closed
	// with the Attached; after [Collection.AttachAll] it stays the caller's.
	Collection *Collection
	// Programs are those that are attached, in the order of attaching. They are
	// in the records of their [Program]s too, so closing those detaches them.
	Programs []AttachedProgram
	// Skipped are the other programs of the object, by name.
	Skipped []SkippedProgram

	owner bool // of Collection
	once  sync.Once
}

// AttachedProgram is a program of an object and where it is attached.
type AttachedProgram struct {
	Program    string      // its name
	Hook       Hook        // where
	LinkID     link.ID     // the kernel's id of the link, 0 if there is none
	Attachment *Attachment // is closed by [Attached.Close]
}

// SkippedProgram is a program of an object that wasn't attached.
type SkippedProgram struct {
	Program string // its name
	Reason  string // why not, for people
}

// Close detaches all programs, newest first, and after [LoadAndAttach] closes
// the collection. All errors are joined. Closing twice is fine, and so is
// closing programs or attachments before.
func (a *Attached) Close() (err error) {
	if a == nil {
		return nil
	}
	a.once.Do(func() { err = a.close() })
	return err
}

func (a *Attached) close() error {
	var errs []error
	for _, p := range slices.Backward(a.Programs) {
		if err := p.Attachment.Close(); err != nil {
			errs = append(errs, fmt.Errorf("program %q: %w", p.Program, err))
		}
	}
	if a.owner {
		errs = append(errs, a.Collection.Close())
	}
	return scope.Join(errs...)
}

// String returns a table: each program with its hook and the id of its link,
// and those that were skipped with the reason.
func (a *Attached) String() string {
	if a == nil {
		return "nothing attached"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROGRAM\tLINK\tHOOK")
	for _, p := range a.Programs {
		id := "-"
		if p.LinkID != 0 {
			id = fmt.Sprint(p.LinkID)
		}
		fmt.Fprintf(w, "%s\t%s\t%v\n", p.Program, id, p.Hook)
	}
	for _, s := range a.Skipped {
		fmt.Fprintf(w, "%s\t-\tnot attached: %s\n", s.Program, s.Reason)
	}
	w.Flush() // to memory
	return strings.TrimSuffix(b.String(), "\n")
}

// linkID returns the kernel's id of a's link, 0 if it has none.
func linkID(a *Attachment) link.ID {
	l, ok := a.Link()
	if !ok {
		return 0
	}
	info, err := l.Info()
	if err != nil {
		return 0
	}
	return info.ID
}

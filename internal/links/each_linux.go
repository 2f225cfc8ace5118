package links

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/sys"
)

// Each calls fn with every link, in the order of their ids, until it returns
// false. The link is closed afterwards. Requires CAP_SYS_ADMIN.
//
// Links in the making are left out: one has an id before it is attached, which
// takes milliseconds, and until it is can't be opened: EAGAIN
// (kernel/bpf/syscall.c, bpf_link_by_id). A [link.Iterator] ends there.
func Each(fn func(link.Link) bool) error {
	for id := uint32(0); ; {
		var err error
		if id, err = sys.NextLinkID(id); errors.Is(err, unix.ENOENT) {
			return nil
		} else if err != nil {
			return fmt.Errorf("get next link id: %w", err)
		}
		l, err := link.NewFromID(link.ID(id))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EAGAIN) {
			continue // gone, or not there yet
		}
		if err != nil {
			return fmt.Errorf("open link %d: %w", id, err)
		}
		more := fn(l)
		l.Close() // was only looked at
		if !more {
			return nil
		}
	}
}

package bpfx_test

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/progname"
	"github.com/bpfx/go/internal/testutil"
)

// links returns the ids of all links there are.
func links(tb testing.TB) (ids []uint32) {
	tb.Helper()
	all, err := testutil.IDs()
	if err != nil {
		tb.Fatal(err)
	}
	for _, id := range all {
		if id.Kind == "link" {
			ids = append(ids, id.ID)
		}
	}
	return ids
}

// mustLeaveNoLinks waits until none is left of the links of an object's
// programs, which weren't there before. Others come and go at any time, since
// they are somebody else's.
func mustLeaveNoLinks(tb testing.TB, before []uint32, spec *ebpf.CollectionSpec) {
	tb.Helper()
	testutil.Eventually(tb, "no link of the object's programs", func() bool {
		return !slices.ContainsFunc(links(tb), func(id uint32) bool {
			return !slices.Contains(before, id) && hasProgramOf(tb, link.ID(id), spec)
		})
	})
}

// hasProgramOf reports whether a link has a program of the name of one of an
// object's.
func hasProgramOf(tb testing.TB, id link.ID, spec *ebpf.CollectionSpec) bool {
	tb.Helper()
	l, err := link.NewFromID(id)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EAGAIN) {
		return false // gone, or in the making
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	info, err := l.Info()
	if err != nil {
		tb.Fatal(err)
	}
	p, err := ebpf.NewProgramFromID(info.Program)
	if errors.Is(err, os.ErrNotExist) {
		return false // of no program
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer p.Close()
	_, ours := spec.Programs[progname.Of(p)]
	return ours
}

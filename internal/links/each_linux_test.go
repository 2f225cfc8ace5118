package links_test

import (
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/bpfx/go/internal/links"
	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// TestEach finds a link while others are made and closed.
func TestEach(t *testing.T) {
	testutil.NeedRoot(t)
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.RawTracepoint, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	attach := func(tracepoint string) (link.Link, error) {
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: tracepoint, Program: p})
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			// The first at a tracepoint takes long: the kernel changes its code.
			switch l, err := attach("sched_process_exec"); {
			case err == nil:
				l.Close()
			case !errors.Is(err, os.ErrExist): // Each has the last one open, and it stays attached
				t.Error(err)
				return
			}
		}
	})
	l, err := attach("sched_process_exit")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := l.Info()
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		found := false
		err := links.Each(func(other link.Link) bool {
			i, err := other.Info()
			found = found || err == nil && i.ID == info.ID
			return true
		})
		if err != nil || !found {
			t.Fatalf("Each() = %v, found the link: %v", err, found)
		}
	}
	calls := 0
	if err := links.Each(func(link.Link) bool { calls++; return false }); err != nil || calls != 1 {
		t.Errorf("Each() = %v, called %d times after false", err, calls)
	}
}

package iter

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestMapCgroupStorage removes the cgroup whose entry was just given: the kernel
// then takes its key for the last. Kernels of before 2026 don't know which is
// the last either, and go on to a key that isn't there.
func TestMapCgroupStorage(t *testing.T) {
	m := newMap(t, &ebpf.MapSpec{Type: ebpf.CGroupStorage, KeySize: 16, ValueSize: 8})
	spec := bpfx.Cgroup{AttachType: ebpf.AttachCGroupInetEgress}.Spec(asm.Instructions{
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnGetLocalStorage.Call(),
		asm.Mov.Imm(asm.R0, 1),
		asm.Return(),
	})
	p, err := bpfx.Load(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	top := testutil.Cgroup(t)
	dirs := make(map[uint64]string) // by inode
	for _, dir := range []string{top, mustMkdir(t, top+"/a"), mustMkdir(t, top+"/b"), mustMkdir(t, top+"/c")} {
		if _, err := p.Attach(bpfx.Cgroup{Path: dir, AttachType: ebpf.AttachCGroupInetEgress}); err != nil {
			t.Fatal(err)
		}
		dirs[inode(t, dir)] = dir
	}
	type key struct {
		Cgroup uint64
		Attach uint32
		_      uint32
	}
	for _, remove := range []int{0, 2, 1} { // how many entries are given before
		var got []uint64
		want := len(dirs)
		for e, err := range Map[key, uint64](m) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, e.Key.Cgroup); len(got) != remove {
				continue
			}
			if err := os.Remove(dirs[e.Key.Cgroup]); err != nil {
				t.Fatal(err)
			}
			delete(dirs, e.Key.Cgroup)
			testutil.Eventually(t, "the entry of a cgroup goes with it", func() bool {
				return errors.Is(m.Lookup(e.Key, new(uint64)), ebpf.ErrKeyNotExist)
			})
		}
		n := len(got)
		slices.Sort(got)
		if len(slices.Compact(got)) != want || n != want {
			t.Errorf("a cgroup removed after %d entries: got %v, want %d entries", remove, got, want)
		}
	}
}

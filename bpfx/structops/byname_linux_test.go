package structops_test

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx/structops"
	"github.com/bpfx/go/internal/testutil"
)

// TestUnregisterByNameLeavesArrays looks for operations while program arrays
// go: each must be gone when the programs are that use it.
func TestUnregisterByNameLeavesArrays(t *testing.T) {
	testutil.NeedVM(t, "what may leave maps in the kernel")
	var arrays []uint32
	for range 20 {
		array, err := ebpf.NewMap(&ebpf.MapSpec{Name: "jump", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1})
		if err != nil {
			t.Fatal(err)
		}
		caller, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R3, 0), asm.LoadMapPtr(asm.R2, array.FD()), asm.FnTailCall.Call(), asm.Mov.Imm(asm.R0, 2), asm.Return(),
		}})
		if err != nil {
			t.Fatal(err)
		}
		info, err := array.Info()
		if err != nil {
			t.Fatal(err)
		}
		id, ok := info.ID()
		if !ok {
			t.Fatal("the map has no id")
		}
		arrays = append(arrays, uint32(id))
		if err := array.Close(); err != nil {
			t.Fatal(err)
		}
		if err := structops.UnregisterByName("bpfx_none"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("UnregisterByName() = %v, want os.ErrNotExist", err)
		}
		if err := caller.Close(); err != nil {
			t.Fatal(err)
		}
	}
	testutil.Eventually(t, "arrays gone", func() bool {
		now, err := testutil.IDs()
		if err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(now, func(o testutil.ID) bool { return o.Kind == "map" && slices.Contains(arrays, o.ID) })
	})
}

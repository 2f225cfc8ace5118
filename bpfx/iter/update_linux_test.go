package iter

import (
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
)

func TestUpdate(t *testing.T) {
	one := mustLoad(t, "task", write(t, "task", from("task", "task_struct", "pid")))
	two := mustLoad(t, "task", pids(t, "task"))
	it := mustOpen(t, one, nil)
	r, err := it.Reader() // goes on with the first program
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := it.Update(two); err != nil {
		t.Fatal(err)
	}
	if one.Attached() || !two.Attached() {
		t.Error("the iterator isn't an attachment of the new program alone")
	}
	if err := last(Records[pid](it)); err != nil {
		t.Error(err)
	}
	if err := last(Records[uint64](it)); err == nil || !strings.Contains(err.Error(), "type uint64 has 8 bytes, the program writes records of 16") {
		t.Errorf("Records of the old size = %v", err)
	}
	if old, err := io.ReadAll(r); err != nil || len(old)%8 != 0 || len(old) == 0 {
		t.Errorf("the old session read %d bytes, %v", len(old), err)
	}
	other := mustLoad(t, "bpf_map", quiet())
	if err := it.Update(other); err == nil || !strings.Contains(err.Error(), "the iterator's target is task, the program's is bpf_map") {
		t.Errorf("Update() to another target = %v", err)
	}
	if err := it.Update(nil); err == nil {
		t.Error("Update(nil) = nil")
	}
	if err := last(Records[pid](it)); err != nil {
		t.Errorf("after updates that failed: %v", err)
	}
}

// TestUpdateMeanwhile reads while the program is replaced by one whose records
// are longer: what is read is what was asked for, or there is an error.
func TestUpdateMeanwhile(t *testing.T) {
	newMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}) // there is one at least
	short, long := mustLoad(t, "bpf_map", constant(1)), mustLoad(t, "bpf_map", constant(2))
	it := mustOpen(t, short, nil)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			if err := it.Update([]*bpfx.Program{short, long}[r.IntN(2)]); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer wg.Wait()
	defer stop.Store(true)
	read := 0
	for start := time.Now(); time.Since(start) < 300*time.Millisecond || read == 0 && time.Since(start) < 10*time.Second; {
		for v, err := range Records[uint64](it) {
			if err == nil && v != 1 {
				t.Fatalf("seed %d: read %d, after %d reads: half of a record of the other program", seed, v, read)
			}
			if err == nil {
				read++
			}
		}
	}
	if read == 0 {
		t.Errorf("seed %d: nothing was ever read", seed)
	}
}

// constant returns a program that writes a number for each map, n times.
func constant(n int) asm.Instructions {
	insns := asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), // meta
		asm.LoadMem(asm.R6, asm.R6, 0, asm.DWord), // seq
		asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord), // map
		asm.JEq.Imm(asm.R2, 0, "out"),
		asm.Mov.Imm(asm.R2, int32(n)),
		asm.StoreMem(asm.R10, -16, asm.R2, asm.DWord),
		asm.StoreMem(asm.R10, -8, asm.R2, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Reg(asm.R2, asm.R10), asm.Add.Imm(asm.R2, -16),
		asm.Mov.Imm(asm.R3, int32(8*n)), asm.FnSeqWrite.Call(),
	}
	return append(insns, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
}

package iter_test

import (
	"fmt"
	"log"
	"os"

	"github.com/cilium/ebpf/asm"

	bpfiter "github.com/bpfx/go/bpfx/iter" // iter is a package of the standard library too
	"github.com/bpfx/go/bpfx/structops"
)

// pids returns a program that writes thread and process id of each task.
func pids() (asm.Instructions, error) {
	tid, err := structops.Field("task_struct", "pid") // where the kernel at hand has it
	if err != nil {
		return nil, err
	}
	pid, err := structops.Field("task_struct", "tgid")
	if err != nil {
		return nil, err
	}
	return asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 8, asm.DWord), // ctx->task
		asm.JEq.Imm(asm.R6, 0, "end"),             // the last call has none
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), // ctx->meta
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), // meta->seq
		asm.LoadMem(asm.R2, asm.R6, int16(tid.Offset), asm.Word),
		asm.StoreMem(asm.R10, -8, asm.R2, asm.Word),
		asm.LoadMem(asm.R2, asm.R6, int16(pid.Offset), asm.Word),
		asm.StoreMem(asm.R10, -4, asm.R2, asm.Word),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -8),
		asm.Mov.Imm(asm.R3, 8),
		asm.FnSeqWrite.Call(), // bpf_seq_write(seq, record, 8)
		asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
		asm.Return(),
	}, nil
}

// task is what the program writes.
type task struct{ TID, PID uint32 }

// The whole way: load, open, read, close.
func Example() {
	if os.Geteuid() != 0 {
		fmt.Println("processes: true") // as it would be
		return
	}
	insns, err := pids()
	if err != nil {
		log.Fatal(err)
	}
	p, err := bpfiter.Load("task", insns)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close() // which closes the iterator too
	it, err := bpfiter.Open(p, nil)
	if err != nil {
		log.Fatal(err)
	}
	n := 0
	for t, err := range bpfiter.Records[task](it) {
		if err != nil {
			log.Fatal(err)
		}
		if t.TID == t.PID { // the first thread of a process
			n++
		}
	}
	fmt.Println("processes:", n > 0)
	// Output: processes: true
}

// A scope closes what it opened, whatever happens in it.
func ExampleWith() {
	if os.Geteuid() != 0 {
		return
	}
	insns, err := pids()
	if err != nil {
		log.Fatal(err)
	}
	self := &bpfiter.Options{Task: bpfiter.Task{PID: os.Getpid()}} // Requires Linux 6.1.
	err = bpfiter.With(bpfiter.Spec("task", insns), self, func(it *bpfiter.Iterator) error {
		for range 2 { // each loop is a session: it starts anew
			n := 0
			for _, err := range bpfiter.Records[task](it) {
				if err != nil {
					return err
				}
				n++
			}
			fmt.Println("threads of this process:", n)
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
}

// A loop that needs nothing else.
func ExampleWalk() {
	if os.Geteuid() != 0 {
		fmt.Println("tasks: true")
		return
	}
	insns, err := pids()
	if err != nil {
		log.Fatal(err)
	}
	n := 0
	for _, err := range bpfiter.Walk[task](bpfiter.Spec("task", insns), nil) {
		if err != nil {
			log.Fatal(err)
		}
		n++
	}
	fmt.Println("tasks:", n > 0)
	// Output: tasks: true
}

// What programs for a target find in their context.
func ExampleLookupTarget() {
	target, err := bpfiter.LookupTarget("task_file")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(target)
	fmt.Println("Options:", target.Params)
	fmt.Println("since Linux", target.Since)
	// Output:
	// struct bpf_iter__task_file {
	// 	struct bpf_iter_meta *meta;
	// 	struct task_struct *task;
	// 	u32 fd;
	// 	struct file *file;
	// };
	// Options: Task
	// since Linux 5.8
}

package iter

import (
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/bpfx"
)

// Bits of task_struct.flags and of its state, from include/linux/sched.h. They
// are no types, so that BTF doesn't tell them.
const (
	pfKthread      = 21     // the number of the bit
	taskIdle       = 0x0402 // TASK_UNINTERRUPTIBLE | TASK_NOLOAD
	taskRTLockWait = 0x1000 // since Linux 5.16
	taskFrozen     = 0x8000 // since Linux 6.1
)

// taskStates are the states of a task with their bits, the one that counts
// first: task_state_index in include/linux/sched.h. The letters are in the order
// of the bits, from 0 up, in fs/proc/array.c.
var taskStates = []struct {
	bit   int32
	state TaskState
}{
	{0x40, Parked}, {0x20, Zombie}, {0x10, Dead}, {0x08, Traced}, {0x04, Stopped}, {0x02, DiskSleep}, {0x01, Sleeping},
}

func loadTasks(leaders bool) (*bpfx.Program, error) {
	k, err := kernelTasks()
	if err != nil {
		return nil, fmt.Errorf("load iterator over tasks: %w", err)
	}
	load := func(k *taskKernel) (*bpfx.Program, error) {
		spec := Spec("task", tasksProgram(k, leaders))
		spec.Name = "bpfx_tasks"
		return LoadSpec(spec)
	}
	p, err := load(k)
	if err != nil && k.cast != 0 {
		slow := *k
		slow.cast = 0
		if p, err := load(&slow); err == nil {
			return p, nil
		}
	}
	return p, err
}

// taskBase is where the TaskInfo is that a program puts together, from the frame
// pointer.
const taskBase = -int16(unsafe.Sizeof(TaskInfo{}))

// load loads a member of what a register points to.
func (k *taskKernel) load(to, from asm.Register, name string) asm.Instruction {
	return asm.LoadMem(to, from, k.fields[name].at, k.fields[name].size)
}

// copy copies a member of what a register points to into the TaskInfo.
func (k *taskKernel) copy(from asm.Register, name string, at uintptr) asm.Instructions {
	return asm.Instructions{
		k.load(asm.R1, from, name),
		asm.StoreMem(asm.RFP, taskBase+int16(at), asm.R1, k.fields[name].size),
	}
}

// tasksProgram returns a program that writes a TaskInfo for each task, or for
// the first thread of each process. R7 points to the task, R6 to meta->seq.
func tasksProgram(k *taskKernel, leaders bool) asm.Instructions {
	var out TaskInfo
	const done = "done"
	// struct bpf_iter__task: two pointers.
	ins := asm.Instructions{
		asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord),
		asm.JEq.Imm(asm.R7, 0, done), // the last call has no task
		asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord),
		asm.LoadMem(asm.R6, asm.R6, 0, asm.DWord),
	}
	if k.cast != 0 {
		ins = append(ins,
			asm.Mov.Reg(asm.R1, asm.R7),
			asm.Mov.Imm(asm.R2, int32(k.task)),
			asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: int64(k.cast)},
			asm.Mov.Reg(asm.R7, asm.R0),
		)
	}
	if leaders {
		ins = append(ins,
			k.load(asm.R1, asm.R7, "pid"),
			k.load(asm.R2, asm.R7, "tgid"),
			asm.JNE.Reg(asm.R1, asm.R2, done),
		)
	}
	parts := []asm.Instructions{
		k.copy(asm.R7, "pid", unsafe.Offsetof(out.TID)),
		k.copy(asm.R7, "tgid", unsafe.Offsetof(out.PID)),
		k.copy(asm.R7, "start", unsafe.Offsetof(out.Start)),
		k.copy(asm.R7, "runtime", unsafe.Offsetof(out.CPUTime)),
		taskComm(k.fields["comm"].at, taskBase+int16(unsafe.Offsetof(out.Comm))),
		{k.load(asm.R2, asm.R7, "real_parent")},
		k.copy(asm.R2, "tgid", unsafe.Offsetof(out.PPID)),
		{k.load(asm.R2, asm.R7, "signal")},
		k.copy(asm.R2, "exited", unsafe.Offsetof(out.ExitedTime)),
		{k.load(asm.R2, asm.R7, "real_cred")},
		k.copy(asm.R2, "uid", unsafe.Offsetof(out.UID)),
		k.copy(asm.R2, "euid", unsafe.Offsetof(out.EUID)),
		k.copy(asm.R2, "gid", unsafe.Offsetof(out.GID)),
		k.taskState(taskBase + int16(unsafe.Offsetof(out.State))),
		k.taskFlags(taskBase + int16(unsafe.Offsetof(out.KernelThread))),
		seqWriteTo(asm.R6, asm.Instructions{asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, int32(taskBase))}, int(unsafe.Sizeof(out))),
	}
	for _, part := range parts {
		ins = append(ins, part...)
	}
	return append(ins,
		asm.Mov.Imm(asm.R0, 0).WithSymbol(done),
		asm.Return(),
	)
}

// taskFlags sets KernelThread.
func (k *taskKernel) taskFlags(to int16) asm.Instructions {
	return asm.Instructions{
		k.load(asm.R1, asm.R7, "flags"),
		asm.RSh.Imm(asm.R1, pfKthread),
		asm.And.Imm(asm.R1, 1),
		asm.StoreMem(asm.RFP, to, asm.R1, asm.Byte),
	}
}

// taskState sets State to the letter of the state of the task:
// get_task_state in fs/proc/array.c. What is behind it, up to 8 bytes, becomes
// zero.
func (k *taskKernel) taskState(to int16) asm.Instructions {
	const known = "state_known"
	ins := asm.Instructions{
		k.load(asm.R1, asm.R7, "state"),
		asm.Mov.Imm(asm.R3, int32(DiskSleep)),
		asm.JSet.Imm(asm.R1, taskRTLockWait|taskFrozen, known),
		asm.Mov.Imm(asm.R3, int32(Idle)),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.And.Imm(asm.R2, taskIdle),
		asm.JEq.Imm(asm.R2, taskIdle, known),
		k.load(asm.R2, asm.R7, "exit_state"),
		asm.Or.Reg(asm.R1, asm.R2),
	}
	for _, s := range taskStates {
		ins = append(ins,
			asm.Mov.Imm(asm.R3, int32(s.state)),
			asm.JSet.Imm(asm.R1, s.bit, known),
		)
	}
	return append(ins,
		asm.Mov.Imm(asm.R3, int32(Running)),
		asm.StoreImm(asm.RFP, to, 0, asm.Word).WithSymbol(known),
		asm.StoreImm(asm.RFP, to+4, 0, asm.Word),
		asm.StoreMem(asm.RFP, to, asm.R3, asm.Byte),
	)
}

// taskComm copies the name of the task that R7 points to from an offset there to
// one on the stack. What is behind its zero becomes zero: before Linux 6.0 it may
// be what is left of an older name.
func taskComm(from, to int16) asm.Instructions {
	const ones, tops = 0x0101010101010101, -0x7f7f7f7f7f7f7f80 // the lowest and the highest bit of each byte
	word := func(at int16) asm.Instructions {
		return asm.Instructions{
			asm.LoadMem(asm.R1, asm.R7, from+at, asm.DWord),
			asm.HostTo(asm.LE, asm.R1, asm.DWord), // the first byte is the lowest
			// R2 gets a bit in the first byte that is zero, and maybe more above:
			// (x - ones) & ^x & tops.
			asm.Mov.Reg(asm.R2, asm.R1),
			asm.Sub.Reg(asm.R2, asm.R4),
			asm.Mov.Reg(asm.R3, asm.R1),
			asm.Xor.Imm(asm.R3, -1),
			asm.And.Reg(asm.R2, asm.R3),
			asm.And.Reg(asm.R2, asm.R5),
			// R1 keeps what is below: x & (y - 1) & ^y. All of it if there is none.
			asm.Mov.Reg(asm.R3, asm.R2),
			asm.Sub.Imm(asm.R3, 1),
			asm.And.Reg(asm.R1, asm.R3),
			asm.Mov.Reg(asm.R3, asm.R2),
			asm.Xor.Imm(asm.R3, -1),
			asm.And.Reg(asm.R1, asm.R3),
			asm.HostTo(asm.LE, asm.R1, asm.DWord),
		}
	}
	const ended = "comm_ended"
	ins := asm.Instructions{asm.LoadImm(asm.R4, ones, asm.DWord), asm.LoadImm(asm.R5, tops, asm.DWord)}
	ins = append(ins, word(0)...)
	ins = append(ins,
		asm.StoreMem(asm.RFP, to, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R1, 0),
		asm.JNE.Imm(asm.R2, 0, ended),
	)
	ins = append(ins, word(8)...)
	return append(ins, asm.StoreMem(asm.RFP, to+8, asm.R1, asm.DWord).WithSymbol(ended))
}

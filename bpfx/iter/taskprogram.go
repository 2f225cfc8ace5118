package iter

import (
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/bpfx/go/bpfx"
	kbtf "github.com/bpfx/go/internal/btf"
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

// taskLayout is what the kernel at hand has of tasks, once it was looked up. It
// doesn't change while the kernel runs.
var taskLayout struct {
	mu    sync.Mutex
	known *taskKernel
}

// taskKernel is what the kernel has of tasks.
type taskKernel struct {
	fields map[string]taskField
	// cast is the kernel's function bpf_rdonly_cast and task the type to cast to;
	// 0 before Linux 6.2.
	cast, task btf.TypeID
}

// taskField is where a member of a struct is.
type taskField struct {
	at   int16 // bytes from the start
	size asm.Size
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

func kernelTasks() (*taskKernel, error) {
	taskLayout.mu.Lock()
	defer taskLayout.mu.Unlock()
	if taskLayout.known != nil {
		return taskLayout.known, nil
	}
	spec, err := kbtf.Shared.Cache().Kernel()
	if err != nil {
		return nil, err
	}
	k := &taskKernel{fields: make(map[string]taskField)}
	for _, want := range []struct{ name, path string }{
		{"state", "task_struct.__state task_struct.state"}, // renamed in Linux 5.14
		{"exit_state", "task_struct.exit_state"},
		{"flags", "task_struct.flags"},
		{"pid", "task_struct.pid"},
		{"tgid", "task_struct.tgid"},
		{"real_parent", "task_struct.real_parent"},
		{"real_cred", "task_struct.real_cred"},
		{"uid", "cred.uid.val"}, {"euid", "cred.euid.val"}, {"gid", "cred.gid.val"},
		{"start", "task_struct.start_boottime"},
		{"runtime", "task_struct.se.sum_exec_runtime"},
		{"signal", "task_struct.signal"},
		{"exited", "signal_struct.sum_sched_runtime"},
		{"comm", "task_struct.comm"},
	} {
		if k.fields[want.name], err = findField(spec, want.path); err != nil {
			return nil, err
		}
	}
	k.findCast(spec)
	taskLayout.known = k
	return k, nil
}

// findCast looks for bpf_rdonly_cast. The verifier trusts the task that a program
// is given, and looks four times through the names of all types for each pointer
// that is read from such a one: 1.5 ms a pointer, more than all tasks are read
// in. It doesn't once the pointer was cast, which costs nothing when the program
// runs.
func (k *taskKernel) findCast(spec *btf.Spec) {
	var fn *btf.Func
	var task *btf.Struct
	if spec.TypeByName("bpf_rdonly_cast", &fn) != nil || spec.TypeByName("task_struct", &task) != nil {
		return
	}
	cast, err := spec.TypeID(fn)
	if err != nil {
		return
	}
	if id, err := spec.TypeID(task); err == nil {
		k.cast, k.task = cast, id
	}
}

// findField finds the first of some members, each as in struct.member.member.
func findField(spec *btf.Spec, paths string) (f taskField, err error) {
	for path := range strings.FieldsSeq(paths) {
		names := strings.Split(path, ".")
		var s *btf.Struct
		if err := spec.TypeByName(names[0], &s); err != nil {
			return f, fmt.Errorf("struct %s: %w", names[0], err)
		}
		at, typ, ok := memberAt(s, names[1:])
		if !ok {
			continue
		}
		size, err := btf.Sizeof(typ)
		if err != nil {
			return f, fmt.Errorf("%s: %w", path, err)
		}
		f = taskField{int16(at), asm.DWord}
		if size == 4 {
			f.size = asm.Word
		}
		if at+16 > 1<<15 {
			return f, fmt.Errorf("%s is %d bytes from the start, more than an instruction reaches", path, at)
		}
		return f, nil
	}
	return f, fmt.Errorf("the kernel has no %s: %w", strings.ReplaceAll(paths, " ", " or "), btf.ErrNotFound)
}

// memberAt returns the offset of a member of a member, in bytes, and its type.
func memberAt(typ btf.Type, names []string) (at uint32, found btf.Type, ok bool) {
	if len(names) == 0 {
		return 0, typ, true
	}
	var members []btf.Member
	switch t := btf.UnderlyingType(typ).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		rest := names[1:]
		switch m.Name {
		case names[0]:
		case "": // the members of what has no name are those of the whole
			rest = names
		default:
			continue
		}
		if at, found, ok = memberAt(m.Type, rest); ok {
			return at + m.Offset.Bytes(), found, true
		}
	}
	return 0, nil, false
}

// tasksProgram returns a program that writes a TaskInfo for each task, or for
// the first thread of each process.
func tasksProgram(k *taskKernel, leaders bool) asm.Instructions {
	var out TaskInfo
	const size, done = unsafe.Sizeof(out), "done"
	const base = -int16(size) // of the TaskInfo, on the stack
	load := func(to, from asm.Register, name string) asm.Instruction {
		return asm.LoadMem(to, from, k.fields[name].at, k.fields[name].size)
	}
	store := func(at uintptr, from asm.Register, size asm.Size) asm.Instruction {
		return asm.StoreMem(asm.RFP, base+int16(at), from, size)
	}
	// struct bpf_iter__task: two pointers.
	ins := asm.Instructions{
		asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord), // task
		asm.JEq.Imm(asm.R7, 0, done),              // the last call has none
		asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord),
		asm.LoadMem(asm.R6, asm.R6, 0, asm.DWord), // meta->seq
	}
	if k.cast != 0 {
		ins = append(ins,
			asm.Mov.Reg(asm.R1, asm.R7),
			asm.Mov.Imm(asm.R2, int32(k.task)),
			asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: int64(k.cast)},
			asm.Mov.Reg(asm.R7, asm.R0),
		)
	}
	ins = append(ins,
		load(asm.R1, asm.R7, "pid"),
		load(asm.R2, asm.R7, "tgid"),
	)
	if leaders {
		ins = append(ins, asm.JNE.Reg(asm.R1, asm.R2, done))
	}
	ins = append(ins,
		store(unsafe.Offsetof(out.TID), asm.R1, asm.Word),
		store(unsafe.Offsetof(out.PID), asm.R2, asm.Word),
		load(asm.R1, asm.R7, "real_parent"),
		load(asm.R1, asm.R1, "tgid"),
		store(unsafe.Offsetof(out.PPID), asm.R1, asm.Word),
		load(asm.R2, asm.R7, "real_cred"),
		load(asm.R1, asm.R2, "uid"), store(unsafe.Offsetof(out.UID), asm.R1, asm.Word),
		load(asm.R1, asm.R2, "euid"), store(unsafe.Offsetof(out.EUID), asm.R1, asm.Word),
		load(asm.R1, asm.R2, "gid"), store(unsafe.Offsetof(out.GID), asm.R1, asm.Word),
		load(asm.R1, asm.R7, "start"), store(unsafe.Offsetof(out.Start), asm.R1, asm.DWord),
		load(asm.R1, asm.R7, "runtime"), store(unsafe.Offsetof(out.CPUTime), asm.R1, asm.DWord),
		load(asm.R1, asm.R7, "signal"),
		load(asm.R1, asm.R1, "exited"), store(unsafe.Offsetof(out.ExitedTime), asm.R1, asm.DWord),
	)
	ins = append(ins, taskComm(k.fields["comm"].at, base+int16(unsafe.Offsetof(out.Comm)))...)
	ins = append(ins, taskState(load)...)
	ins = append(ins,
		// State, KernelThread and the padding behind them are a word of 8 bytes.
		asm.StoreImm(asm.RFP, base+int16(unsafe.Offsetof(out.State)), 0, asm.Word).WithSymbol(stateKnown),
		asm.StoreImm(asm.RFP, base+int16(unsafe.Offsetof(out.State))+4, 0, asm.Word),
		store(unsafe.Offsetof(out.State), asm.R3, asm.Byte),
		load(asm.R1, asm.R7, "flags"),
		asm.RSh.Imm(asm.R1, pfKthread),
		asm.And.Imm(asm.R1, 1),
		store(unsafe.Offsetof(out.KernelThread), asm.R1, asm.Byte),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, int32(base)),
		asm.Mov.Imm(asm.R3, int32(size)),
		asm.FnSeqWrite.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol(done),
		asm.Return(),
	)
	return ins
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

// stateKnown is where taskState goes on.
const stateKnown = "state_known"

// taskState sets R3 to the letter of the state of the task that R7 points to:
// get_task_state in fs/proc/array.c.
func taskState(load func(to, from asm.Register, name string) asm.Instruction) asm.Instructions {
	ins := asm.Instructions{
		load(asm.R1, asm.R7, "state"),
		asm.Mov.Imm(asm.R3, int32(DiskSleep)),
		asm.JSet.Imm(asm.R1, taskRTLockWait|taskFrozen, stateKnown),
		asm.Mov.Imm(asm.R3, int32(Idle)),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.And.Imm(asm.R2, taskIdle),
		asm.JEq.Imm(asm.R2, taskIdle, stateKnown),
		load(asm.R2, asm.R7, "exit_state"),
		asm.Or.Reg(asm.R1, asm.R2),
	}
	for _, s := range taskStates {
		ins = append(ins,
			asm.Mov.Imm(asm.R3, int32(s.state)),
			asm.JSet.Imm(asm.R1, s.bit, stateKnown),
		)
	}
	return append(ins, asm.Mov.Imm(asm.R3, int32(Running)))
}

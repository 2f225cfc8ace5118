package iter

import (
	"fmt"
	"strings"
	"sync"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	kbtf "github.com/bpfx/go/internal/btf"
)

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

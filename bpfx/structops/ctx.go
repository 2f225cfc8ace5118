package structops

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	kbtf "github.com/bpfx/go/internal/btf"
	"github.com/bpfx/go/internal/nearest"
)

// Ctx reads the arguments of a callback in a program that is written by hand.
// The context, which is in R1 when the program starts, is an array of
// arguments of 64 bits each.
type Ctx struct {
	member Member
}

// Ctx returns the arguments of a function member.
func (t *Type) Ctx(member string) (Ctx, error) {
	m, ok := t.Member(member)
	if !ok || !m.Func {
		return Ctx{}, fmt.Errorf("%s has no function %q", t.Name, member)
	}
	return Ctx{m}, nil
}

// Arg returns an instruction that loads an argument by name, such as "sk", from
// the context in register from into register to.
func (c Ctx) Arg(to, from asm.Register, name string) (asm.Instruction, error) {
	for i, a := range c.member.Args {
		if a.Name == name {
			return asm.LoadMem(to, from, int16(8*i), asm.DWord), nil
		}
	}
	return asm.Instruction{}, fmt.Errorf("no argument %q in %s", name, c.member)
}

// FieldInfo is a field of a struct of the kernel.
type FieldInfo struct {
	// Offset is where it is in the struct, in bytes.
	Offset int
	// Size is its size, in bytes.
	Size int
	// Type is its type.
	Type btf.Type
}

// Field finds a field of a struct or union of the running kernel, such as
// "snd_cwnd" of "tcp_sock", by name; a dot leads into a struct that is inside:
// "icsk_ack.pending". Fields of anonymous members are found without one.
//
// Returns an error with the nearest names if there is none, and one for bit
// fields, which have no place of their own. The first call may decode the
// kernel's BTF, as [bpfx.Load] does.
func Field(structName, path string) (FieldInfo, error) {
	f, err := field(structName, path)
	if err != nil {
		return FieldInfo{}, fmt.Errorf("field %q of struct %q: %w", path, structName, err)
	}
	return f, nil
}

func field(structName, path string) (FieldInfo, error) {
	spec, err := kbtf.Shared.Cache().Kernel()
	if err != nil {
		return FieldInfo{}, fmt.Errorf("read the kernel's BTF: %w", err)
	}
	types, err := spec.AnyTypesByName(structName)
	if err != nil {
		return FieldInfo{}, fmt.Errorf("the kernel has none: %w", err)
	}
	for _, t := range types {
		if compositeMembers(t) != nil {
			return fieldIn(t, path)
		}
	}
	return FieldInfo{}, fmt.Errorf("it is no struct or union, but %v", types[0])
}

// Load returns an instruction that loads the field of the struct that from
// points to into to.
func (f FieldInfo) Load(to, from asm.Register) (asm.Instruction, error) {
	size, err := f.size()
	return asm.LoadMem(to, from, int16(f.Offset), size), err
}

// Store returns an instruction that stores from in the field of the struct
// that to points to. The kernel allows it for few fields, and only whole.
func (f FieldInfo) Store(to, from asm.Register) (asm.Instruction, error) {
	size, err := f.size()
	return asm.StoreMem(to, int16(f.Offset), from, size), err
}

func (f FieldInfo) size() (asm.Size, error) {
	if f.Offset < 0 || f.Offset > 1<<15-1 {
		return 0, fmt.Errorf("offset %d doesn't fit an instruction: add to the pointer first", f.Offset)
	}
	switch f.Size {
	case 1:
		return asm.Byte, nil
	case 2:
		return asm.Half, nil
	case 4:
		return asm.Word, nil
	case 8:
		return asm.DWord, nil
	}
	return 0, fmt.Errorf("no instruction moves %d bytes", f.Size)
}

// Kfunc returns a call of a function of the kernel that programs may call (a
// kfunc), such as "tcp_reno_cong_avoid". Arguments are in R1 to R5, the result
// is in R0.
//
// Only functions of the kernel itself can be called: returns an error wrapping
// [ebpf.ErrNotSupported] for those of a module, since cilium/ebpf keeps the
// list of modules to itself that a call refers to, and before Linux 5.13.
// Whether the function is one that struct_ops programs may call the verifier
// says. An object file from clang has neither limit.
func Kfunc(name string) (asm.Instruction, error) {
	id, err := kfuncID(name)
	if err != nil {
		return asm.Instruction{}, fmt.Errorf("kfunc %q: %w", name, err)
	}
	return asm.Instruction{
		OpCode:   asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call),
		Src:      asm.PseudoKfuncCall,
		Constant: int64(id),
	}, nil
}

func kfuncID(name string) (btf.TypeID, error) {
	cache := kbtf.Shared.Cache()
	spec, err := cache.Kernel()
	if err != nil {
		return 0, fmt.Errorf("read the kernel's BTF: %w", err)
	}
	if !atLeast(kernelVersion(), kfuncsSince) && !hasKfuncs() {
		return 0, fmt.Errorf("programs can't call functions of the kernel before Linux %s: %w", kfuncsSince, ebpf.ErrNotSupported)
	}
	var fn *btf.Func
	if err := spec.TypeByName(name, &fn); err == nil {
		return spec.TypeID(fn)
	}
	modules, err := cache.Modules()
	if err != nil {
		return 0, fmt.Errorf("list modules: %w", err)
	}
	for _, module := range modules {
		m, err := cache.Module(module)
		if err == nil && m.TypeByName(name, &fn) == nil {
			return 0, fmt.Errorf("it is in module %s, and only those of the kernel itself can be called: %w", module, ebpf.ErrNotSupported)
		}
	}
	return 0, fmt.Errorf("the kernel has no function of that name: %w", ebpf.ErrNotSupported)
}

// hasKfuncs reports whether programs have a table of functions that they call:
// vendors build newer BPF into older kernels.
func hasKfuncs() bool {
	_, err := field("bpf_prog_aux", "kfunc_tab")
	return err == nil
}

// nearField returns the field names that are most like one.
func nearField(members []btf.Member, name string) string {
	near := nearest.New(name)
	for _, m := range members {
		near.Add(m.Name, m.Name)
	}
	return nearest.List(near.Names())
}

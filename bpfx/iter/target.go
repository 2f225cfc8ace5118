package iter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/bpfx/go/internal/nearest"
)

// Target is a kind of object that the running kernel can iterate over. It must
// not be changed.
type Target struct {
	// Name is what [Load] takes, such as "task".
	Name string
	// Context is the struct that R1 points to when a program starts, such as
	// "bpf_iter__task".
	Context string
	// Members are those of Context, in the kernel's order. The first is the
	// metadata, which has the file that the program writes to; the last call of
	// a program, after all objects, gets null pointers in place of an object.
	Members []Member
	// Params is the part of [Options] that the target takes.
	Params Params
	// Sleepable says whether the target takes sleepable programs; see [Spec].
	// It is false for targets that this package doesn't know.
	Sleepable bool
	// Since is the first mainline kernel that has the target, such as "5.8"; ""
	// if this package doesn't know.
	Since string

	id uint32 // of the function in BTF that programs attach to
}

// Member is a member of the context of a [Target].
type Member struct {
	// Name is the name of the member.
	Name string
	// Type is its type in C. Pointers to structs give access to their fields:
	// they are trusted by the verifier, after a check for null.
	Type string
	// Offset is where it is in the context, in bytes.
	Offset int
	// Size is its size, in bytes.
	Size int

	decl string // C declaration
}

// Member returns a member of the context by name.
func (t *Target) Member(name string) (Member, bool) {
	for _, m := range t.Members {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}

// String returns the context as a C struct.
func (t *Target) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "struct %s {\n", t.Context)
	for _, m := range t.Members {
		fmt.Fprintf(&b, "\t%s;\n", m)
	}
	b.WriteString("};")
	return b.String()
}

// String returns the member's declaration in C.
func (m Member) String() string { return m.decl }

// Arg returns an instruction that loads a member of the context, such as
// "task", from the context in register from into register to.
func (t *Target) Arg(to, from asm.Register, name string) (asm.Instruction, error) {
	m, ok := t.Member(name)
	if !ok {
		near := nearest.New(name)
		for _, m := range t.Members {
			near.Add(m.Name, m.Name)
		}
		return asm.Instruction{}, fmt.Errorf("struct %s has no member %q%s", t.Context, name, nearest.List(near.Names()))
	}
	sizes := map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}
	size, ok := sizes[m.Size]
	if !ok {
		return asm.Instruction{}, fmt.Errorf("no instruction loads the %d bytes of %s", m.Size, m)
	}
	return asm.LoadMem(to, from, int16(m.Offset), size), nil
}

// Targets describes every target of the running kernel, sorted by name.
//
// The first call reads the kernel's BTF, which takes some 10 ms. Returns an
// error wrapping [ebpf.ErrNotSupported] if the kernel has none.
func Targets() ([]*Target, error) {
	targets, err := kernelTargets()
	if err != nil {
		return nil, fmt.Errorf("list iterator targets: %w", err)
	}
	return slices.Clone(targets), nil
}

// LookupTarget describes a target of the running kernel, such as "task".
//
// Returns an error wrapping [ebpf.ErrNotSupported] if the kernel lacks it,
// which says since when there is one of that name, or what the kernel has and
// which names are nearest.
func LookupTarget(name string) (*Target, error) {
	targets, err := kernelTargets()
	if err != nil {
		return nil, fmt.Errorf("iterator target %q: %w", name, err)
	}
	if t := find(targets, func(t *Target) bool { return t.Name == name }); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("iterator target %q: %w", name, noTarget(name, targets))
}

func find(targets []*Target, is func(*Target) bool) *Target {
	if i := slices.IndexFunc(targets, is); i >= 0 {
		return targets[i]
	}
	return nil
}

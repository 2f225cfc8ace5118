package tailcall

import (
	"github.com/cilium/ebpf"
)

// Spec describes a chain. [Load] loads it; a Spec may be loaded many times.
type Spec struct {
	// Map is the name of the chain's array, as programs refer to it.
	Map string
	// MaxEntries is how many slots the array has. 0 means just enough for
	// Slots.
	MaxEntries uint32
	// Slots are the programs in the array.
	Slots []Slot
	// Nested are further arrays that the programs of the chain call through.
	Nested []Array
	// Entry is the program to attach.
	Entry *ebpf.ProgramSpec
	// Others are programs that are in no slot: further entries, for example.
	Others []*ebpf.ProgramSpec

	// Collection has the other maps and the global variables that programs
	// refer to by name. What they don't refer to is not loaded, nor are its
	// programs. It may be nil. If it has a map of an array's name, it says
	// what [ebpf.MapSpec] says beside the slots, such as flags and pinning.
	Collection *ebpf.CollectionSpec
	// Options are how to load maps and programs. It may be nil.
	Options *ebpf.CollectionOptions

	// Strict has Check, Load and Swap refuse what has warnings.
	Strict bool
	// KeepPrograms has Close leave the programs open that Load loaded; the
	// caller closes them.
	KeepPrograms bool
}

// Array is an array that programs of a chain call through.
type Array struct {
	Map        string // its name, as programs refer to it
	MaxEntries uint32 // how many slots it has; 0 means just enough for Slots
	Slots      []Slot // the programs in it
}

// Slot is a place in an array.
type Slot struct {
	// Index is the number of the slot, from 0.
	Index uint32
	// Program is what a call of the slot jumps to. The same spec may be in
	// many slots and is loaded once. It must not be nil unless Optional is set.
	Program *ebpf.ProgramSpec
	// Optional says that calls of the slot may fall through, and that none
	// need to reach it.
	Optional bool
}

// arrays returns the chain's own array and the nested ones.
func (s *Spec) arrays() []Array {
	return append([]Array{{s.Map, s.MaxEntries, s.Slots}}, s.Nested...)
}

// Findings checks the chain by reading the instructions of its programs, and
// returns everything that is wrong or might be. It needs no kernel.
//
// It follows all ways through a program and keeps track of constants and
// bounds in registers, so an index that is the same on all ways is known. What
// it can't tell, it takes for variable: a call that falls through is always
// found, if only as a hint.
func (s *Spec) Findings() Findings {
	if s == nil {
		return Findings{{Level: Error, Slot: -1, Instruction: -1, Text: "nil spec"}}
	}
	return newModel(s).check()
}

// Check returns a [*CheckError] with all findings of level Error, and with
// those of level Warning too if the Spec is Strict. See [Spec.Findings].
func (s *Spec) Check() error {
	if s == nil {
		return &CheckError{Findings: s.Findings()}
	}
	return s.refuse(newModel(s).check())
}

// refuse returns an error if there are findings that forbid loading.
func (s *Spec) refuse(f Findings) error {
	level := Error
	if s.Strict {
		level = Warning
	}
	if f = f.AtLeast(level); len(f) > 0 {
		return &CheckError{Chain: s.Map, Findings: f}
	}
	return nil
}

package bpfx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// memlockHint is what cilium/ebpf adds to every EPERM, whether or not the
// kernel accounts BPF memory against RLIMIT_MEMLOCK.
const memlockHint = " (MEMLOCK may be too low, consider rlimit.RemoveMemlock)"

// LoadError is returned when programs can't be loaded. It prints the cause if
// one was found; [Explain] tells more.
type LoadError struct {
	// Program is the name of the program, as in its spec. Of a collection it
	// is the key of the one that failed, "" if something else did, such as a
	// map.
	Program string
	// Type is the type of the program; UnspecifiedProgram if there is none.
	Type ebpf.ProgramType
	// AttachType is the attach type of the program; AttachNone if there is none.
	AttachType ebpf.AttachType
	// Collection says that the program was one of a collection.
	Collection bool
	// Err is why it can't be loaded: a [*ebpf.VerifierError] if the kernel
	// refused the program.
	Err error
}

func (e *LoadError) Error() string {
	program := fmt.Sprintf("program %q", e.Program)
	if e.Program == "" && e.Type != ebpf.UnspecifiedProgram {
		program = fmt.Sprintf("%v program", e.Type)
	}
	what := "load " + program
	if e.Collection {
		what = "load collection"
		if e.Type != ebpf.UnspecifiedProgram {
			what += ": " + program
		}
	}
	text := strings.ReplaceAll(fmt.Sprint(e.Err), memlockHint, "")
	text = strings.TrimPrefix(text, programPrefix(e.Program))
	text = strings.TrimPrefix(text, "program : ") // of a collection of one
	text = strings.TrimPrefix(text, "load program: ")
	return what + ": " + text
}

// Unwrap returns the cause. The errno lies below it.
func (e *LoadError) Unwrap() error { return e.Err }

// programPrefix is how cilium/ebpf starts the error of a collection's program.
func programPrefix(name string) string { return "program " + name + ": " }

// loadError returns a LoadError for a program that was loaded by itself.
func loadError(spec *ebpf.ProgramSpec, err error) error {
	return &LoadError{
		Program:    spec.Name,
		Type:       spec.Type,
		AttachType: spec.AttachType,
		Err:        explainLoad([]*ebpf.ProgramSpec{spec}, err),
	}
}

// collectionError returns a LoadError for a collection.
func collectionError(spec *ebpf.CollectionSpec, err error) error {
	for name, p := range spec.Programs {
		if strings.HasPrefix(err.Error(), programPrefix(name)) {
			e := loadError(p, err).(*LoadError) //nolint:errorlint // its own
			e.Program, e.Collection = name, true
			return e
		}
	}
	all := make([]*ebpf.ProgramSpec, 0, len(spec.Programs))
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		all = append(all, spec.Programs[name])
	}
	return &LoadError{Collection: true, Err: explainLoad(all, err)}
}

// programTypes returns the types of programs, each once.
func programTypes(specs []*ebpf.ProgramSpec) []ebpf.ProgramType {
	var types []ebpf.ProgramType
	for _, s := range specs {
		if !slices.Contains(types, s.Type) {
			types = append(types, s.Type)
		}
	}
	return types
}

// errorsIsAny reports whether err is one of targets.
func errorsIsAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

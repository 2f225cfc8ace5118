package structops

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
)

// Spec describes one set of operations: what implements the members of a
// struct_ops type. Nothing in this package changes a Spec.
type Spec struct {
	// Type is the name of the type, such as "tcp_congestion_ops".
	Type string
	// Name is the value of the member "name", if the type has one: what sockets
	// ask for. It also becomes the name of the map.
	Name string
	// Funcs are the programs that implement functions, by member. Type,
	// AttachType and AttachTo are set by [Load]; a program may stand for
	// several members, and is then loaded for each.
	Funcs map[string]*ebpf.ProgramSpec
	// Data are the values of data members, by member: integers and booleans of
	// any type, string or []byte for arrays, []byte of the member's
	// size for everything else. What isn't there is zero.
	Data map[string]any
	// Maps are the maps that programs refer to by name. It may be nil.
	Maps map[string]*ebpf.MapSpec
	// Variables are the global variables in Maps. It may be nil.
	Variables map[string]*ebpf.VariableSpec
	// MapReplacements are maps to use in place of those in Maps, by name: for
	// operations that share a map with others. They stay the caller's.
	MapReplacements map[string]*ebpf.Map
	// NoLink registers the operations without a link, as objects with a section
	// .struct_ops do: they stay registered when the process ends, and can't be
	// replaced. It has no effect before Linux 6.4, where there are no links.
	NoLink bool
	// Kernel is the version whose rules hold, such as "6.6", if the running
	// kernel's number doesn't tell: vendors build newer BPF into older kernels.
	// "" is what uname says.
	Kernel string
	// Variable is the C variable that the Spec was made of, "" if none.
	Variable string
}

// Copy returns a copy of which members can be set and removed without a change
// to s. Programs and maps are shared.
func (s *Spec) Copy() *Spec {
	if s == nil {
		return nil
	}
	c := *s
	c.Funcs, c.Data = maps.Clone(s.Funcs), maps.Clone(s.Data)
	c.MapReplacements = maps.Clone(s.MapReplacements)
	return &c
}

// String returns the type and name.
func (s *Spec) String() string {
	if s == nil {
		return "nil spec"
	}
	return fmt.Sprintf("%s %q", s.Type, s.Name)
}

// lookup returns the running kernel's type, with the rules that s asks for.
func (s *Spec) lookup() (*Type, error) {
	t, err := Lookup(s.Type)
	if err != nil || s.Kernel == "" {
		return t, err
	}
	as := *t
	as.Kernel = s.Kernel
	return &as, nil
}

// errNilSpec is returned when there is no spec.
var errNilSpec = errors.New("nil spec: describe the operations first")

// members returns the names of all members that s sets, sorted.
func (s *Spec) members() []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(s.Funcs)), maps.Keys(s.Data))
	slices.Sort(names)
	return slices.Compact(names)
}

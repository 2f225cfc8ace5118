package structops

import (
	"fmt"
	"strings"
)

// Type describes a struct_ops type: a struct of the kernel whose function
// members BPF programs may implement. It must not be changed.
type Type struct {
	// Name is the name of the struct, such as "tcp_congestion_ops".
	Name string
	// Module is the module that has the type, "" for the kernel itself.
	Module string
	// Kernel is the version of the kernel that it was read from, such as
	// "6.12". "" stands for the newest that this package knows.
	Kernel string
	// Size is the size of the struct, in bytes.
	Size int
	// Members are in the kernel's order.
	Members []Member

	valueID   uint32 // BTF id of struct bpf_struct_ops_<Name>
	valueSize int    // of that struct, in bytes
	data      int    // where the struct is in it, in bytes
}

// Member is a function or a piece of data of a [Type].
type Member struct {
	// Name is the name of the member.
	Name string
	// Func says whether it is a function, which a program implements.
	Func bool
	// Type is the C type of data.
	Type string
	// Args are the arguments of a function.
	Args []Arg
	// Return is the C type that a function returns, "void" if nothing.
	Return string
	// Offset is where the member is in the struct, in bytes.
	Offset int
	// Size is the size of the member, in bytes.
	Size int

	index  int    // in Members
	chars  bool   // an array of char
	scalar bool   // an integer, a boolean or an enum
	signed bool   // of scalar
	decl   string // C declaration
}

// Arg is an argument of a function member.
type Arg struct {
	// Name is the argument's name. BTF has it only for some types; otherwise it
	// is that of the kernel's source where this package knows it, or "arg0".
	Name string
	// Type is its C type.
	Type string
	// Size is its size, in bytes. Programs get all arguments as 64 bits.
	Size int
}

// Member returns a member by name.
func (t *Type) Member(name string) (Member, bool) {
	for _, m := range t.Members {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}

// String returns the type as a C struct.
func (t *Type) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "struct %s {\n", t.Name)
	for _, m := range t.Members {
		fmt.Fprintf(&b, "\t%s;\n", m)
	}
	b.WriteString("};")
	return b.String()
}

// String returns the member's declaration in C.
func (m Member) String() string {
	if !m.Func {
		return m.decl
	}
	return m.Prototype()
}

// Prototype returns the declaration of a function in C, "" for data.
func (m Member) Prototype() string {
	if !m.Func {
		return ""
	}
	args := make([]string, len(m.Args))
	for i, a := range m.Args {
		args[i] = a.String()
	}
	if len(args) == 0 {
		args = []string{"void"}
	}
	ret := m.Return
	if !strings.HasSuffix(ret, "*") {
		ret += " "
	}
	return fmt.Sprintf("%s(*%s)(%s)", ret, m.Name, strings.Join(args, ", "))
}

// String returns the argument's declaration in C.
func (a Arg) String() string {
	if strings.HasSuffix(a.Type, "*") {
		return a.Type + a.Name
	}
	return a.Type + " " + a.Name
}

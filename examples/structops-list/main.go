// Structops-list shows what kernel operations BPF programs can implement: every
// struct_ops type of the running kernel with its members.
//
// It reads the kernel's BTF only, so it needs Linux with CONFIG_DEBUG_INFO_BTF,
// no privileges, and changes nothing:
//
//	go run ./examples/structops-list                            as a tree
//	go run ./examples/structops-list -type tcp_congestion_ops   as C, with what is known of it
//	go run ./examples/structops-list -btf vmlinux.btf           of another kernel
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bpfx/go/bpfx/structops"
)

func main() {
	name := flag.String("type", "", "show one type, as C")
	file := flag.String("btf", "", "read this file of raw BTF instead of the running kernel's")
	kernel := flag.String("kernel", "", "the version of the kernel that -btf is of, such as 6.12; some rules depend on it")
	flag.Parse()
	if err := run(os.Stdout, *name, *file, *kernel); err != nil {
		fmt.Fprintln(os.Stderr, "structops-list:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, name, file, kernel string) error {
	types, err := read(file, kernel)
	if err != nil {
		return err
	}
	if name == "" {
		for i, t := range types {
			tree(w, t, i == len(types)-1)
		}
		return nil
	}
	for _, t := range types {
		if t.Name == name {
			return showC(w, t)
		}
	}
	if file == "" {
		_, err = structops.Lookup(name) // says which are like it
		return err
	}
	return fmt.Errorf("%s has no struct_ops type %q", file, name)
}

func read(file, kernel string) ([]*structops.Type, error) {
	if file == "" {
		return structops.Types()
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return structops.ParseTypes(raw, kernel)
}

// tree prints a type as a branch of a tree.
func tree(w io.Writer, t *structops.Type, last bool) {
	branch, stem := "├── ", "│   "
	if last {
		branch, stem = "└── ", "    "
	}
	where := ""
	if t.Module != "" {
		where = ", of module " + t.Module
	}
	funcs := 0
	for _, m := range t.Members {
		if m.Func {
			funcs++
		}
	}
	fmt.Fprintf(w, "%s%s (%d functions, %d data members, %d bytes%s)\n", branch, t.Name, funcs, len(t.Members)-funcs, t.Size, where)
	for i, m := range t.Members {
		twig := "├── "
		if i == len(t.Members)-1 {
			twig = "└── "
		}
		fmt.Fprintf(w, "%s%s%s%s\n", stem, twig, m, note(t, m))
	}
}

// note is what the rules say of a member that matters most.
func note(t *structops.Type, m structops.Member) string {
	r, ok := structops.RulesFor(t.Name).Member(m.Name, t.Kernel)
	if !ok || r.Need == structops.Optional {
		return ""
	}
	return "  [" + string(r.Need) + "]"
}

// showC prints a type as a C struct, with the rules as comments.
func showC(w io.Writer, t *structops.Type) error {
	lines := strings.Split(t.String(), "\n")
	for i, m := range t.Members {
		if r, ok := structops.RulesFor(t.Name).Member(m.Name, t.Kernel); ok {
			lines[i+1] = fmt.Sprintf("\t/* %s: %s */\n%s", r.Need, r.Doc, lines[i+1])
		}
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

package bpfx

import (
	"iter"
	"runtime"
	"strings"

	"github.com/bpfx/go/internal/nearest"
)

// symbolsFile lists the symbols of the kernel and its modules.
const symbolsFile = "/proc/kallsyms"

// lookup is what a list of symbols says about a name.
type lookup struct {
	functions int      // functions there are in all
	matches   int      // functions of that name
	name      string   // the name that matched: a system call's has a prefix
	module    string   // the module that it is in, "" if one is in none
	data      bool     // there is one of that name, but it isn't a function
	nearest   []string // what is most like it, if nothing matched
}

// lookSymbol looks a function up in the lines of /proc/kallsyms. With syscalls,
// it also knows system calls by their names without prefix, as kprobes do.
func lookSymbol(kallsyms iter.Seq[string], want string, syscalls bool) lookup {
	var l lookup
	near := nearest.New(want)
	for line := range kallsyms {
		kind, name, ok := parseSymbol(line)
		if !ok {
			continue
		}
		plain := syscallName(name)
		isFunction := isFunction(kind)
		match := name == want || syscalls && plain == want
		switch {
		case match && isFunction:
			if l.matches++; l.matches == 1 || l.module != "" {
				l.module = moduleOf(line)
			}
			l.name = strings.Clone(name)
		case match:
			l.data = true
		case isFunction && !strings.HasPrefix(name, "__pfx_"): // padding before functions
			near.Add(plain, name)
		}
		if isFunction {
			l.functions++
		}
	}
	if l.matches == 0 {
		l.nearest = near.Names()
	}
	return l
}

// parseSymbol reads a line of /proc/kallsyms: "ffffffff81000000 T name\t[module]".
func parseSymbol(line string) (kind byte, name string, ok bool) {
	_, rest, ok := strings.Cut(line, " ")
	if !ok || len(rest) < 3 || rest[1] != ' ' {
		return 0, "", false
	}
	name = rest[2:]
	if end := strings.IndexAny(name, "\t \n"); end >= 0 {
		name = name[:end]
	}
	return rest[0], name, name != ""
}

// isFunction reports whether a kind of symbol is in the kernel's code.
func isFunction(kind byte) bool { return strings.IndexByte("tTwW", kind) >= 0 }

// moduleOf returns the module in a line of /proc/kallsyms, "" if there is none.
func moduleOf(line string) string {
	_, rest, _ := strings.Cut(line, "[")
	module, _, _ := strings.Cut(rest, "]")
	return strings.Clone(module)
}

// syscallPrefix is what the names of system calls' functions start with on this
// architecture (arch/*/include/asm/syscall_wrapper.h). Those of others may be
// there too, for their processes.
var syscallPrefix = map[string]string{
	"386": "__ia32_", "amd64": "__x64_", "arm64": "__arm64_", "riscv64": "__riscv_", "s390x": "__s390x_",
}[runtime.GOARCH]

// syscallName returns the name of a system call's function without its prefix:
// sys_read for __x64_sys_read. Other names are returned as they are.
func syscallName(name string) string {
	if plain, ok := strings.CutPrefix(name, syscallPrefix); ok && strings.HasPrefix(plain, "sys_") {
		return plain
	}
	return name
}

// noFunction explains that there is no function of a name, nil if there is one
// or the symbols can't be read. syscalls is as for lookSymbol.
func (m *machine) noFunction(want string, syscalls bool) (*finding, lookup) {
	l := lookSymbol(m.lines(symbolsFile), want, syscalls)
	if l.functions == 0 || l.matches > 0 {
		return nil, l
	}
	f := &finding{
		why:      "no function of that name" + nearest.List(l.nearest),
		evidence: []string{symbolsFile + ": none of " + number(l.functions, "function") + " is " + want},
		remedy:   "name a function of " + symbolsFile,
	}
	switch {
	case l.data:
		f.why = want + " is data, not a function"
	case len(l.nearest) > 0 && strings.HasPrefix(l.nearest[0], want+"."):
		f.why = "the compiler left no function of that name, only " + strings.Join(l.nearest, ", ")
		f.remedy = "name that one: its arguments may differ from the source's"
		if strings.Contains(l.nearest[0], ".cold") {
			f.remedy = "name a function that calls it: the rest was inlined there"
		}
	case len(l.nearest) > 0:
		f.remedy = "did you mean " + l.nearest[0] + "?"
	}
	return f, l
}

// ambiguous explains that several functions have a name.
func (l lookup) ambiguous() *finding {
	if l.matches < 2 {
		return nil
	}
	return &finding{
		why:      number(l.matches, "function") + " have that name",
		evidence: []string{symbolsFile + ": " + number(l.matches, "line") + " with " + l.name},
		remedy:   "name a function whose name is unique, such as one that calls it",
	}
}

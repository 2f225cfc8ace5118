package bpfx

import (
	"iter"
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
	module    string   // the module that it is in, "" if it is in none
	data      bool     // there is one of that name, but it isn't a function
	nearest   []string // what is most like it, if nothing matched
}

// lookSymbol looks a function up in the lines of /proc/kallsyms.
func lookSymbol(kallsyms iter.Seq[string], want string) lookup {
	var l lookup
	near := nearest.New(want)
	for line := range kallsyms {
		kind, name, ok := parseSymbol(line)
		if !ok {
			continue
		}
		plain := syscallName(name)
		isFunction := isFunction(kind)
		match := name == want || plain == want
		switch {
		case match && isFunction:
			l.matches++
			l.name, l.module = strings.Clone(name), moduleOf(line)
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

// syscallName returns the name of a system call's function without the prefix
// that it has on this architecture: sys_read for __x64_sys_read. Other names
// are returned as they are.
func syscallName(name string) string {
	arch, ok := strings.CutPrefix(name, "__")
	if !ok {
		return name
	}
	if i := strings.IndexByte(arch, '_'); i > 0 && strings.HasPrefix(arch[i+1:], "sys_") {
		return arch[i+1:]
	}
	return name
}

// noFunction explains that there is no function of a name, nil if there is one
// or the symbols can't be read.
func (m *machine) noFunction(want string) (*finding, lookup) {
	l := lookSymbol(m.lines(symbolsFile), want)
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

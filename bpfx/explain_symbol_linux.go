package bpfx

import (
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

// lookSymbol looks a function up in the text of /proc/kallsyms.
func lookSymbol(kallsyms, want string) lookup {
	var l lookup
	near := nearest.New(want)
	for line := range strings.Lines(kallsyms) {
		kind, name, ok := parseSymbol(line)
		if !ok {
			continue
		}
		plain := syscallName(name)
		isFunction := strings.IndexByte("tTwW", kind) >= 0
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
	text, ok := m.read(symbolsFile)
	l := lookSymbol(text, want)
	if !ok || l.functions == 0 || l.matches > 0 {
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

// notProbed explains that a function that exists can't be probed: the kernel
// lists it as dangerous, or doesn't trace it. It returns nil if it can, or if
// the lists can't be read.
func (m *machine) notProbed(name string) *finding {
	const blacklist = "/sys/kernel/debug/kprobes/blacklist"
	text, _ := m.read(blacklist)
	for line := range strings.Lines(text) {
		// 0xffffffff81000000-0xffffffff81000010	name
		if f := strings.Fields(line); len(f) > 1 && f[1] == name {
			return &finding{
				why:      "the kernel lets nobody probe that function",
				evidence: []string{blacklist + " has " + name},
				remedy:   "probe a function that calls it, or that it calls",
			}
		}
	}
	return m.notTraced(name)
}

// notTraced explains that a function that exists isn't traced, nil if it is or
// that can't be read.
func (m *machine) notTraced(name string) *finding {
	dir, _ := m.tracefs()
	if dir == "" {
		return nil
	}
	file := dir + "/available_filter_functions"
	text, ok := m.read(file)
	if !ok || text == "" {
		return nil
	}
	for line := range strings.Lines(text) {
		if fn, _, _ := strings.Cut(strings.TrimSpace(line), " "); fn == name {
			return nil
		}
	}
	return &finding{
		why:      "the kernel doesn't trace that function",
		evidence: []string{file + " doesn't have " + name},
		remedy:   "choose a function of " + file,
	}
}

package bpfx

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/kconfig"
)

// notProbed explains that a function that exists can't be probed: the kernel
// lists it as dangerous, or doesn't trace it. It returns nil if it can, or if
// the lists can't be read.
func (m *machine) notProbed(name string) *finding {
	const blacklist = "/sys/kernel/debug/kprobes/blacklist"
	for line := range m.lines(blacklist) {
		// 0xffffffff81000000-0xffffffff81000010	name
		if f := strings.Fields(line); len(f) > 1 && f[1] == name {
			return &finding{
				why:      "the kernel lets nobody probe that function",
				evidence: []string{blacklist + " has " + name},
				remedy:   "probe a function that calls it, or that it calls",
			}
		}
	}
	if config, _, err := kconfig.Read(m.root); err == nil && config.Set("CONFIG_KPROBE_EVENTS_ON_NOTRACE") {
		return nil // untraced functions can be probed too
	}
	return m.notTraced(name)
}

// notTraced explains that a function that exists isn't traced, nil if it is or
// that can't be read.
func (m *machine) notTraced(name string) *finding {
	missing, file := m.firstUntraced([]string{name})
	if missing == "" {
		return nil
	}
	return &finding{
		why:      "the kernel doesn't trace that function",
		evidence: []string{file + " doesn't have " + name},
		remedy:   "choose a function of " + file,
	}
}

// firstUntraced returns the first of names that the kernel doesn't trace, and
// the file that says so; "" if it traces all, or doesn't tell.
func (m *machine) firstUntraced(names []string) (name, file string) {
	dir, _ := m.tracefs()
	if dir == "" {
		return "", ""
	}
	file = dir + "/available_filter_functions"
	known := false
	missing := firstMissing(names, func(found func(string)) {
		for line := range m.lines(file) {
			known = true
			fn, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			found(fn)
		}
	})
	if !known {
		return "", ""
	}
	return missing, file
}

// firstMissing returns the first of names that list doesn't call found with,
// "" if there is none.
func firstMissing(names []string, list func(found func(string))) string {
	want := make(map[string]bool, len(names))
	for _, name := range names {
		want[name] = true
	}
	list(func(name string) { delete(want, name) })
	for _, name := range names {
		if want[name] {
			return name
		}
	}
	return ""
}

// multiFailed explains an error of probing many functions at once: the first
// that doesn't exist, or isn't traced. All lists are read once, however many
// there are.
func (m *machine) multiFailed(symbols []string, err error) *finding {
	if !errorsIsAny(err, os.ErrNotExist, unix.EINVAL, unix.ESRCH, unix.EADDRNOTAVAIL) {
		return nil
	}
	missing := firstMissing(symbols, func(found func(string)) {
		for line := range m.lines(symbolsFile) {
			if kind, name, ok := parseSymbol(line); ok && isFunction(kind) {
				found(name)
			}
		}
	})
	var f *finding
	if missing != "" {
		f, _ = m.noFunction(missing, false)
	} else if missing, _ = m.firstUntraced(symbols); missing != "" {
		f = m.notTraced(missing)
	}
	if f != nil {
		f.why = missing + ": " + f.why
	}
	return f
}

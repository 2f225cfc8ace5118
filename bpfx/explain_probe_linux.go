package bpfx

import (
	"debug/elf"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/nearest"
)

// noProbes reports whether the kernel was seen to have no probes of a kind,
// "kprobe" or "uprobe": neither perf events for them nor the file of tracefs.
// A place that isn't mounted proves nothing, but for one: since Linux 4.17 the
// other kind would be beside it.
func (m *machine) noProbes(kind string) bool {
	const events = "/sys/bus/event_source/devices/"
	if m.exists(events + kind) {
		return false
	}
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		if m.exists(dir + "/events") {
			return !m.exists(dir + "/" + kind + "_events")
		}
	}
	return m.exists(events+"kprobe") || m.exists(events+"uprobe")
}

// withoutProbes explains what noProbes found.
func (m *machine) withoutProbes(kind string) *finding {
	configs := kprobeConfigs
	if kind == "uprobe" {
		configs = uprobeConfigs
	}
	if option, where := m.lacksOption(configs); option != "" {
		return withoutOption(option, where)
	}
	return &finding{
		why:      "this kernel has no " + kind + "s",
		evidence: []string{"/sys/bus/event_source/devices has no " + kind, "tracefs has no " + kind + "_events"},
		remedy:   "use a kernel that was built with " + strings.Join(configs, ", "),
	}
}

// kprobeFailed explains an error of a probe at symbol+offset.
func (m *machine) kprobeFailed(symbol string, offset uint64, err error) *finding {
	if !errorsIsAny(err, os.ErrNotExist, unix.EINVAL, unix.EADDRNOTAVAIL, unix.ESRCH) {
		return nil
	}
	f, l := m.noFunction(symbol, true)
	switch {
	case f != nil || l.matches == 0:
		return f
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return l.ambiguous()
	case strings.Contains(err.Error(), "bad insn boundary"): // cilium/ebpf, for EILSEQ
		return &finding{
			why:      "no instruction of the function starts at that offset",
			evidence: []string{symbolsFile + " has " + l.name, "the kernel says EILSEQ"},
			remedy:   "see where instructions start: objdump -d, or Offset 0 for the function itself",
		}
	case offset == 0 && l.matches == 1:
		return m.notProbed(l.name)
	}
	return nil
}

// noSymbol explains that a file doesn't have a function, nil if it has, or
// can't be read.
func noSymbol(path, want string) *finding {
	f, err := elf.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close() // only read from
	static, staticErr := f.Symbols()
	dynamic, dynamicErr := f.DynamicSymbols()
	if staticErr != nil && dynamicErr != nil {
		return &finding{
			why:      "the file has no symbol table",
			evidence: []string{path + ": neither .symtab nor .dynsym"},
			remedy:   "set Address, or use a file that isn't stripped",
		}
	}
	near, functions := nearest.New(want), 0
	for _, s := range append(static, dynamic...) {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Section == elf.SHN_UNDEF {
			continue
		}
		if s.Name == want {
			return nil
		}
		functions++
		near.Add(s.Name, s.Name)
	}
	names := near.Names()
	found := &finding{
		why:      "the file has no such function" + nearest.List(names),
		evidence: []string{path + ": none of " + number(functions, "function") + " is " + want},
		remedy:   "see its symbols with nm, or set Address",
	}
	if len(names) > 0 {
		found.remedy = "did you mean " + names[0] + "?"
	}
	return found
}

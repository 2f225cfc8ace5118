package bpfx

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/nearest"
)

// tracepointFailed explains an error of attaching to the event group/name.
func (m *machine) tracepointFailed(group, name string, err error) *finding {
	if errorsIsAny(err, unix.EPERM, unix.EACCES) || group == "" || name == "" {
		return nil
	}
	if f := m.noTracefs(); f != nil {
		return f
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return m.noEvent(group, name)
}

// noEvent explains that there is no event group/name, nil if there is or the
// events can't be read.
func (m *machine) noEvent(group, name string) *finding {
	dir, _ := m.tracefs()
	if dir == "" {
		return nil
	}
	file := dir + "/available_events"
	want, events := group+"/"+name, 0
	near, elsewhere, groups := nearest.New(want), []string(nil), false
	for line := range m.lines(file) {
		g, n, _ := strings.Cut(strings.TrimSpace(line), ":")
		if g == group && n == name {
			return nil
		}
		if n == name {
			elsewhere = append(elsewhere, g+"/"+n)
		}
		groups = groups || g == group
		events++
		near.Add(g+"/"+n, g+"/"+n)
	}
	if events == 0 {
		// A locked down kernel has tracefs without files in it.
		return m.lockedDown("confidentiality", "tracefs")
	}
	if !groups && group == "syscalls" {
		if option, where := m.lacksOption([]string{"CONFIG_FTRACE_SYSCALLS"}); option != "" {
			return withoutOption(option, where)
		}
	}
	names := append(elsewhere, near.Names()...)
	names = names[:min(len(names), nearest.Max)]
	f := &finding{
		why:      "no such tracepoint" + nearest.List(names),
		evidence: []string{file + ": none of " + number(events, "event") + " is " + group + ":" + name},
		remedy:   "choose one of " + file,
	}
	if len(names) > 0 {
		f.remedy = "did you mean " + names[0] + "?"
	}
	return f
}

// rawTracepointFailed explains an error of attaching to a raw tracepoint.
func (m *machine) rawTracepointFailed(name string, err error) *finding {
	if !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	// The kernel has a function __traceiter_NAME for each (since Linux 5.10).
	if f := m.noneWithPrefix("__traceiter_", name, "tracepoint", nil); f != nil {
		if i := strings.LastIndexAny(name, "/:"); i >= 0 {
			f.why = "no such tracepoint: its name goes without the group"
			f.remedy = "try " + name[i+1:]
		}
		return f
	}
	return nil
}

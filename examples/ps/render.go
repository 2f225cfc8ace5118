package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	bpfiter "github.com/bpfx/go/bpfx/iter"
)

// render prints rows in the order of their numbers.
func render(w io.Writer, rows []bpfiter.TaskInfo, threads bool, c clock) error {
	slices.SortFunc(rows, func(a, b bpfiter.TaskInfo) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.TID, b.TID))
	})
	out := bufio.NewWriter(w)
	spid := func(s any) string {
		if !threads {
			return ""
		}
		return fmt.Sprintf(" %7v", s)
	}
	fmt.Fprintf(out, "%-8s %7s%s %7s S %5s %8s CMD\n", "UID", "PID", spid("SPID"), "PPID", "STIME", "TIME")
	names := make(map[uint32]string)
	for _, t := range rows {
		fmt.Fprintf(out, "%-8s %7d%s %7d %v %5s %8s %s\n",
			userName(names, t.EUID), t.PID, spid(t.TID), t.PPID, t.State, c.started(t.Start), cpuTime(t.CPUTime), command(t))
	}
	return out.Flush()
}

// userName returns the name of a user, or the number if it has none. A long one
// is cut, as ps does.
func userName(known map[uint32]string, id uint32) string {
	name, ok := known[id]
	if !ok {
		name = strconv.FormatUint(uint64(id), 10)
		if u, err := user.LookupId(name); err == nil {
			name = u.Username
		}
		if len(name) > 8 {
			name = name[:7] + "+"
		}
		known[id] = name
	}
	return name
}

// command puts the names of the kernel's threads in brackets, and replaces what
// would change the terminal.
func command(t bpfiter.TaskInfo) string {
	name := strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '?'
	}, t.Comm.String())
	if t.KernelThread {
		return "[" + name + "]"
	}
	if t.State == bpfiter.Zombie {
		return "[" + name + "] <defunct>"
	}
	return name
}

// cpuTime formats a time as [DD-]HH:MM:SS.
func cpuTime(d time.Duration) string {
	s := int(d / time.Second)
	text := fmt.Sprintf("%02d:%02d:%02d", s/3600%24, s/60%60, s%60)
	if days := s / 86400; days > 0 {
		return fmt.Sprintf("%d-%s", days, text)
	}
	return text
}

// A clock tells when something was that is so long after the start of the
// machine.
type clock struct{ boot, now time.Time }

func newClock() (clock, error) {
	const file = "/proc/uptime"
	text, err := os.ReadFile(file)
	if err != nil {
		return clock{}, err
	}
	up, _, _ := strings.Cut(string(text), " ")
	seconds, err := strconv.ParseFloat(up, 64)
	if err != nil {
		return clock{}, fmt.Errorf("%s: %w", file, err)
	}
	now := time.Now()
	return clock{now.Add(-time.Duration(seconds * float64(time.Second))), now}, nil
}

// started formats when a task started: the time of the last 24 hours, the day
// before.
func (c clock) started(after time.Duration) string {
	at := c.boot.Add(after)
	switch {
	case c.now.Sub(at) < 24*time.Hour:
		return at.Format("15:04")
	case at.Year() == c.now.Year():
		return at.Format("Jan02")
	}
	return at.Format("2006")
}

package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	bpfiter "github.com/bpfx/go/bpfx/iter"
	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// processes reads from /proc which processes there are, and when each started.
func processes(t *testing.T) map[int32]time.Duration {
	t.Helper()
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[int32]time.Duration)
	for _, dir := range dirs {
		pid, err := strconv.ParseInt(dir.Name(), 10, 32)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + dir.Name() + "/stat")
		if err != nil {
			continue // it is gone
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		ticks, err := strconv.ParseInt(fields[19], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		all[int32(pid)] = time.Duration(ticks) * 10 * time.Millisecond
	}
	return all
}

// TestList compares the processes with those in /proc before and after. Those
// that are there both times must be listed; what is listed must be there before
// or after, or have started in between.
func TestList(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedInitialPIDs(t)
	began := testutil.SinceBoot(t)
	before := processes(t)
	rows, err := list(false)
	testutil.SkipIfNotSupported(t, err, "iterators", "5.9", "CONFIG_DEBUG_INFO_BTF", "CONFIG_BPF_EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	after := processes(t)
	listed := make(map[int32]bpfiter.TaskInfo)
	for _, row := range rows {
		if _, twice := listed[row.PID]; twice {
			t.Errorf("process %d is listed twice", row.PID)
		}
		listed[row.PID] = row
		start, was := before[row.PID]
		if later, is := after[row.PID]; is {
			start, was = later, true
		}
		switch {
		case !was && row.Start < began:
			t.Errorf("process %d (%v) is listed, and was in /proc neither before nor after", row.PID, row.Comm)
		case was && row.Start.Truncate(10*time.Millisecond) != start && before[row.PID] == after[row.PID]:
			t.Errorf("process %d started %v after boot, /proc says %v", row.PID, row.Start, start)
		}
	}
	for pid, start := range before {
		if later, stays := after[pid]; stays && later == start && listed[pid].PID == 0 && !testutil.Guarded(pid) {
			t.Errorf("process %d isn't listed", pid)
		}
	}
}

// TestRun looks for this process in what is printed.
func TestRun(t *testing.T) {
	testutil.NeedInitialPIDs(t)
	for _, threads := range []bool{false, true} {
		var out bytes.Buffer
		if err := run(&out, threads); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		own := 0
		for _, line := range lines {
			if f := strings.Fields(line); len(f) > 2 && f[1] == strconv.Itoa(os.Getpid()) {
				own++
			}
		}
		if len(lines) < 10 || own == 0 || !threads && own != 1 || threads && own < 2 {
			t.Errorf("threads %v: this process is in %d of %d lines:\n%s", threads, own, len(lines), &out)
		}
	}
}

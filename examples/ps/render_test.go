package main

import (
	"strings"
	"testing"
	"time"

	bpfiter "github.com/bpfx/go/bpfx/iter"
)

func comm(s string) (c bpfiter.TaskComm) {
	copy(c[:], s)
	return c
}

func TestRender(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	c := clock{boot: now.Add(-400 * 24 * time.Hour), now: now}
	up := now.Sub(c.boot)
	rows := []bpfiter.TaskInfo{
		{PID: 77, TID: 78, PPID: 1, EUID: 4_000_000_000, State: bpfiter.Running, Start: up - time.Hour, CPUTime: 25*time.Hour + time.Second, Comm: comm("a\x1bb")},
		{PID: 77, TID: 77, PPID: 1, EUID: 4_000_000_000, State: bpfiter.Zombie, Start: up - 24*time.Hour, Comm: comm("gone")},
		{PID: 2, TID: 2, State: bpfiter.Idle, KernelThread: true, Start: time.Hour, Comm: comm("kthreadd")},
	}
	for _, tt := range []struct {
		threads bool
		want    string
	}{
		{true, `
UID          PID    SPID    PPID S STIME     TIME CMD
root           2       2       0 I  2025 00:00:00 [kthreadd]
4000000+      77      77       1 Z Mar03 00:00:00 [gone] <defunct>
4000000+      77      78       1 R 11:00 1-01:00:01 a?b
`},
		{false, `
UID          PID    PPID S STIME     TIME CMD
root           2       0 I  2025 00:00:00 [kthreadd]
4000000+      77       1 Z Mar03 00:00:00 [gone] <defunct>
4000000+      77       1 R 11:00 1-01:00:01 a?b
`},
	} {
		var b strings.Builder
		if err := render(&b, rows, tt.threads, c); err != nil {
			t.Fatal(err)
		}
		if got := "\n" + b.String(); got != tt.want {
			t.Errorf("printed:%s\nwant:%s", got, tt.want)
		}
	}
}

package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// groupMembers counts the processes of a group that aren't zombies.
func groupMembers(pgid int) int {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	n := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		if state, group, ok := parseStat(string(text)); ok && group == pgid && state != "Z" && state != "X" {
			n++
		}
	}
	return n
}

// parseStat reads state and process group of /proc/PID/stat. The name before them is in
// parentheses and may hold anything.
func parseStat(text string) (state string, pgid int, ok bool) {
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return "", 0, false
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 3 {
		return "", 0, false
	}
	pgid, err := strconv.Atoi(fields[2])
	return fields[0], pgid, err == nil
}

// endWithGoRun cancels the run when the "go run" that started it is gone: a signal that ends
// the go command doesn't reach its child.
func endWithGoRun(ctx context.Context, cancel context.CancelCauseFunc) {
	parent := os.Getppid()
	name, err := os.ReadFile("/proc/" + strconv.Itoa(parent) + "/comm")
	if err != nil || strings.TrimSpace(string(name)) != "go" {
		return
	}
	for os.Getppid() == parent {
		select {
		case <-ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
	cancel(errInterrupted)
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// output runs a program and returns its standard output. The error holds the end of its
// standard error. extra is added to the environment.
func output(ctx context.Context, dir string, extra []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(cmd.Environ(), extra...)
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		said := lastLines(stderr.String()+stdout.String(), 12)
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, said)
	}
	return stdout.String(), nil
}

// lastLines returns the end of text, at most n lines of it, each at most 400 bytes long.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		if len(line) > 400 {
			line = line[:400] + "..."
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// exitError is an error that chose the exit code of the program.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// exitCode maps an error to the program's exit code: 0 for none, 1 for failed tests,
// 2 for bad usage or something missing, 130 for an interrupt.
func exitCode(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	case errors.Is(err, errInterrupted):
		return 130
	}
	return 2
}

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// shell boots one kernel with the terminal as its console and a shell in it, prepared as for
// tests. It ends when the shell does.
func (m *matrix) shell(ctx context.Context, t target) error {
	if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err != nil {
		return fmt.Errorf("-shell needs a terminal; `-- command` doesn't")
	}
	if err := writePlan(m.dir, Plan{Modules: t.Modules, Configs: t.Configs}); err != nil {
		return err
	}
	// su, which starts the shell in the guest, passes no arguments.
	script := filepath.Join(m.dir, "shell")
	text := fmt.Sprintf("#!/bin/sh\nexec %s shell\n", guestCommand(m.exe, m.dir))
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		return fmt.Errorf("prepare the shell: %w", err)
	}
	cmd := exec.Command("vng", vngArgs(t, m.kvm, m.dir, "", script)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "TMPDIR="+m.dir)
	g, err := startGroup(cmd)
	if err != nil {
		return err
	}
	defer g.Kill()
	// The VM's group has the terminal while it runs; ^C then goes to the guest.
	signal.Ignore(unix.SIGTTOU)
	if err := unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, g.leader.Process.Pid); err != nil {
		return fmt.Errorf("give the VM the terminal: %w", err)
	}
	defer unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, unix.Getpgrp()) // the terminal may be gone
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-g.done:
	}
	if g.err != nil {
		return &exitError{1, fmt.Errorf("vng: %w", g.err)}
	}
	return nil
}

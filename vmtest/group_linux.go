package main

import (
	"fmt"
	"io"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// group is a process group that can't outlive the runner. Its leader is a small shell that
// waits for the end of a pipe which only the runner holds: however the runner ends, even by
// SIGKILL, the leader then kills the group, QEMU included.
type group struct {
	leader *exec.Cmd
	pipe   io.Closer
	cmd    *exec.Cmd
	done   chan struct{} // closed when cmd is over
	err    error         // of cmd, once done is closed
	// closers are closed when cmd is over: what its output goes to.
	closers []io.Closer
}

// startGroup starts cmd in a group of its own.
func startGroup(cmd *exec.Cmd) (*group, error) {
	g := &group{leader: exec.Command("sh", "-c", "read _; kill -KILL 0"), cmd: cmd, done: make(chan struct{})}
	pipe, err := g.leader.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the group: %w", err)
	}
	g.pipe = pipe
	g.leader.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	if err := g.leader.Start(); err != nil {
		return nil, fmt.Errorf("start the group: %w", err)
	}
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pgid: g.leader.Process.Pid}
	if err := cmd.Start(); err != nil {
		close(g.done)
		g.Kill()
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		g.err = cmd.Wait()
		close(g.done)
	}()
	return g, nil
}

// Kill ends every process of the group and waits until they are gone, at most 10 s.
func (g *group) Kill() {
	pid := g.leader.Process.Pid
	_ = unix.Kill(-pid, unix.SIGKILL) // the leader is there until Wait below, so the id is ours
	<-g.done
	for range 100 {
		if groupMembers(pid) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = g.leader.Wait() // killed: always an error
	_ = g.pipe.Close()  // the reader is gone
	for _, c := range g.closers {
		_ = c.Close() // a log that can't be closed is short at worst
	}
}

package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/mounts"
)

// guest is the runner's part inside the VM: it prepares the system, runs the plan's items one
// after the other and reports each step to a file that the host reads. With shell it ends in
// an interactive shell instead.
func guest(dir string, shell bool) error {
	g := &guestRun{dir: dir}
	if !shell {
		if err := redirect(filepath.Join(dir, "agent.log")); err != nil {
			return err
		}
	}
	plan, err := readPlan(dir)
	if err != nil {
		return err
	}
	events, err := os.OpenFile(filepath.Join(dir, "events"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open the event file: %w", err)
	}
	defer events.Close()
	g.events = json.NewEncoder(events)
	g.prepare(plan)
	if err := g.environment(plan); err != nil {
		return err
	}
	if err := g.events.Encode(Event{Phase: phaseReady, Release: g.release, Notes: g.notes}); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if shell {
		return unix.Exec("/bin/bash", []string{"bash", "-i"}, os.Environ())
	}
	for i, item := range plan.Items {
		if err := g.events.Encode(Event{Phase: phaseStart, Item: i}); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		begin := time.Now()
		exit, why := runItem(item, outputFile(dir, i))
		if err := g.events.Encode(Event{Phase: phaseEnd, Item: i, Exit: exit, Why: why, Took: time.Since(begin)}); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return g.events.Encode(Event{Phase: phaseDone})
}

// redirect sends the agent's own output, its panics too, to a file that the host sees.
func redirect(file string) error {
	log, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open the agent's log: %w", err)
	}
	for _, fd := range []int{1, 2} {
		if err := unix.Dup3(int(log.Fd()), fd, 0); err != nil {
			return fmt.Errorf("open the agent's log: %w", err)
		}
	}
	return nil
}

type guestRun struct {
	dir     string
	release string
	events  *json.Encoder
	notes   []string
}

func (g *guestRun) note(format string, args ...any) {
	g.notes = append(g.notes, fmt.Sprintf(format, args...))
}

// prepare mounts what BPF programs need, brings lo up and loads modules. What fails is noted
// and shown, but it is for the tests to say what they can't do without.
func (g *guestRun) prepare(plan Plan) {
	for _, m := range []struct{ fs, dir string }{
		{"bpf", "/sys/fs/bpf"}, {"debugfs", "/sys/kernel/debug"}, {"tracefs", "/sys/kernel/tracing"},
		{"securityfs", "/sys/kernel/security"}, {"cgroup2", "/sys/fs/cgroup"},
	} {
		if mounted(m.dir, m.fs) {
			continue
		}
		if err := unix.Mount(m.fs, m.dir, m.fs, 0, ""); err != nil {
			g.note("mount %s at %s: %v", m.fs, m.dir, err)
		}
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		g.note("set lo up: %v: %s", err, out)
	}
	// One modprobe for all is much faster under emulation; -a goes on after one that isn't there.
	if len(plan.Modules) > 0 {
		_ = exec.Command("modprobe", append([]string{"-q", "-a"}, plan.Modules...)...).Run() // missing ones are expected
	}
	var uname unix.Utsname
	if err := unix.Uname(&uname); err != nil {
		g.note("uname: %v", err)
	}
	g.release = unix.ByteSliceToString(uname.Release[:])
}

// mounted reports whether a file system of type fs lies at dir.
func mounted(dir, fs string) bool {
	list, _ := mounts.Read(os.DirFS("/")) // none if it can't be read
	return slices.ContainsFunc(list, func(m mounts.Mount) bool { return m.Dir == dir && m.Type == fs })
}

// environment sets what every item sees: which kernel this is and where its config lies.
func (g *guestRun) environment(plan Plan) error {
	series, err := parseVersion(g.release)
	if err != nil {
		return err
	}
	env := map[string]string{"BPFX_VMTEST": series.String(), "HOME": "/root", "USER": "root", "TMPDIR": "/tmp",
		"PATH": sbinPath(os.Getenv("PATH")), "TERM": os.Getenv("TERM")}
	config := filepath.Join(g.dir, "config")
	if err := g.copyConfig(plan.Configs, config); err != nil {
		g.note("find the kernel's config: %v", err)
	} else {
		env["BPFX_KERNEL_CONFIG"] = config
	}
	for key, value := range env {
		if err := os.Setenv(key, value); err != nil {
			return fmt.Errorf("set %s: %w", key, err)
		}
	}
	return nil
}

// copyConfig copies the kernel's config to where host and guest both see it.
func (g *guestRun) copyConfig(candidates []string, to string) error {
	for _, candidate := range candidates {
		text, err := os.ReadFile(strings.ReplaceAll(candidate, "%s", g.release))
		if err == nil {
			return os.WriteFile(to, text, 0o644)
		}
	}
	_ = exec.Command("modprobe", "-q", "configs").Run() // it may be built in
	f, err := os.Open("/proc/config.gz")
	if err != nil {
		return err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(unzipped)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// runItem runs one program with its output going straight to a file of the host's, so that
// nothing written before a crash is lost. It returns the exit code.
func runItem(item Item, output string) (exit int, why string) {
	out, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 126, fmt.Sprintf("open the output file: %v", err)
	}
	defer out.Close()
	program := item.Args[0]
	if item.Copy {
		if program, err = copyProgram(program); err != nil {
			return 126, fmt.Sprintf("copy the program: %v", err)
		}
		defer os.Remove(program)
	}
	cmd := exec.Command(program, item.Args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = item.Dir, out, out
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return 127, fmt.Sprintf("start: %v", err)
	}
	over := make(chan error, 1)
	go func() { over <- ended(cmd.Process.Pid) }()
	why = watch(item, cmd.Process.Pid, out, over)
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // what it left running; mostly nothing
	_ = cmd.Wait()                                // only now: until then the id is its own
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		if why == "" {
			why = fmt.Sprintf("killed by signal %d (%v)", status.Signal(), status.Signal())
		}
		return 128 + int(status.Signal()), why
	}
	return cmd.ProcessState.ExitCode(), why
}

// ended waits for the end of a child and leaves it a zombie.
func ended(pid int) error {
	for {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != unix.EINTR {
			return err
		}
	}
}

// watch waits for the end of a program and ends it itself if it takes too long (with SIGQUIT
// first, for the goroutines' stacks) or writes too much.
func watch(item Item, pid int, out *os.File, over <-chan error) (why string) {
	limit := time.After(item.Limit)
	var kill <-chan time.Time
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return why
		case <-limit:
			why = fmt.Sprintf("ran longer than %v", item.Limit)
			_ = unix.Kill(pid, unix.SIGQUIT) // may be gone
			kill = time.After(5 * time.Second)
		case <-kill:
			_ = unix.Kill(-pid, unix.SIGKILL) // may be gone
		case <-tick.C:
			if info, err := out.Stat(); err == nil && info.Size() > item.MaxOutput && why == "" {
				why = fmt.Sprintf("wrote more than %d MB", item.MaxOutput>>20)
				_ = unix.Kill(-pid, unix.SIGKILL) // may be gone
			}
		}
	}
}

// copyProgram copies a program into the guest's memory.
func copyProgram(from string) (string, error) {
	const dir = "/run/vmtest"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	to := filepath.Join(dir, filepath.Base(from))
	return to, copyFile(from, to)
}

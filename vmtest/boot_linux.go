package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// limits bound a boot; tests shorten them. Emulation on a loaded machine needs 20 to 60 s to
// come up. grace is what an item may take beyond its own limit before the guest counts as
// hung: the guest itself ends an item at its limit.
var limits = struct{ boot, grace, poweroff time.Duration }{4 * time.Minute, 30 * time.Second, 30 * time.Second}

// maxLog is the size of a kernel log, in bytes, at which the guest is ended.
const maxLog = 32 << 20

// boot is one life of one VM.
type boot struct {
	target target
	kvm    bool
	dir    string // the run's directory, shared with the guest
	exe    string // the runner, at a place that the guest sees
	plan   Plan
	stream io.Writer     // gets the items' output while they run, may be nil
	show   func(b *boot) // called when something changed, and now and then

	phase     string
	item      int // the running item, valid in phaseStart
	release   string
	notes     []string
	ends      map[int]Event
	testsDone int
	output    *tail // of the running item
	deadline  time.Time
	problem   string // why the guest was ended, or that it died
	died      bool   // it ended without having said that it was done
}

const phaseBoot = "boot"

func (b *boot) kernelLog() string { return filepath.Join(b.dir, "kernel.log") }
func (b *boot) vngLog() string    { return filepath.Join(b.dir, "vng.log") }
func (b *boot) agentLog() string  { return filepath.Join(b.dir, "agent.log") }

// run boots the VM and follows it to its end. The error is about the host; what became of the
// guest is in b.
func (b *boot) run(ctx context.Context) error {
	b.ends, b.item = map[int]Event{}, -1
	b.enter(phaseBoot, limits.boot)
	g, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer g.Kill()
	events := &tail{path: filepath.Join(b.dir, "events")}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for over := false; !over; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-g.done:
			over = true
		case <-tick.C:
		}
		for _, e := range readEvents(events) {
			b.event(e)
		}
		b.follow(over)
		b.show(b)
		if why := b.overdue(); why != "" && !over {
			b.problem = why
			return nil
		}
	}
	if b.phase != phaseDone {
		b.died = true
		b.problem = b.death(g.err)
	}
	return nil
}

// start launches virtme-ng. QEMU opens its standard output and error anew, for several writers:
// with files they would overwrite each other, so both are pipes.
func (b *boot) start(ctx context.Context) (*group, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	cmd := exec.Command("vng", vngArgs(b.target, b.kvm, b.dir, guestCommand(b.exe, b.dir), "")...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "TMPDIR="+b.dir) // vng's own files go away with the run's
	cmd.WaitDelay = 5 * time.Second
	stdout, err := newLimitedFile(b.vngLog(), maxLog)
	if err != nil {
		return nil, err
	}
	stderr, err := newLimitedFile(b.kernelLog(), maxLog)
	if err != nil {
		return nil, errors.Join(err, stdout.Close())
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	g, err := startGroup(cmd)
	if err != nil {
		return nil, errors.Join(err, stdout.Close(), stderr.Close())
	}
	g.closers = []io.Closer{stdout, stderr}
	return g, nil
}

func (b *boot) enter(phase string, limit time.Duration) {
	b.phase, b.deadline = phase, time.Now().Add(limit)
}

// event takes in one report of the guest. A guest whose memory is broken may report anything.
func (b *boot) event(e Event) {
	if (e.Phase == phaseStart || e.Phase == phaseEnd) && (e.Item < 0 || e.Item >= len(b.plan.Items)) {
		return
	}
	switch e.Phase {
	case phaseReady:
		b.release, b.notes = e.Release, e.Notes
		b.enter(phaseReady, limits.grace)
	case phaseStart:
		b.item, b.testsDone = e.Item, 0
		b.output = &tail{path: outputFile(b.dir, e.Item)}
		b.enter(phaseStart, b.plan.Items[e.Item].Limit+limits.grace)
	case phaseEnd:
		b.ends[e.Item] = e
		b.follow(true)
		b.enter(phaseEnd, limits.grace)
	case phaseDone:
		b.enter(phaseDone, limits.poweroff)
	}
	b.show(b)
}

// follow reads what the running item has written: it counts finished tests and passes the
// output on. last is set when nothing more will come.
func (b *boot) follow(last bool) {
	if b.output == nil {
		return
	}
	b.passOn(b.output.Lines())
	if !last {
		return
	}
	for more := b.output.Lines(); more != nil; more = b.output.Lines() {
		b.passOn(more)
	}
	b.passOn(b.output.Rest())
}

func (b *boot) passOn(lines [][]byte) {
	for _, line := range lines {
		if finishedTest(string(line)) {
			b.testsDone++
		}
		if b.stream != nil {
			fmt.Fprintf(b.stream, "%s\n", bytes.ReplaceAll(line, []byte{mark}, nil))
		}
	}
}

// overdue says why the guest has to be ended, or nothing.
func (b *boot) overdue() string {
	if size := fileSize(b.kernelLog()); size >= maxLog {
		return fmt.Sprintf("the kernel log has reached %d MB", maxLog>>20)
	}
	if b.item >= 0 {
		item := b.plan.Items[b.item]
		if fileSize(outputFile(b.dir, b.item)) > 4*item.MaxOutput {
			return fmt.Sprintf("%s wrote more than %d MB", item.Name, 4*item.MaxOutput>>20)
		}
	}
	if time.Now().Before(b.deadline) {
		return ""
	}
	switch b.phase {
	case phaseBoot:
		b.died = true // as good as dead: it gets the second try
		return fmt.Sprintf("the guest didn't come up within %v", limits.boot)
	case phaseStart:
		return fmt.Sprintf("the guest hung in %s, %v after the time limit of %v",
			b.plan.Items[b.item].Name, limits.grace, b.plan.Items[b.item].Limit)
	case phaseDone:
		return fmt.Sprintf("the guest didn't power off within %v", limits.poweroff)
	}
	return fmt.Sprintf("the guest hung after %q", b.phase)
}

// death says what is known of a guest that ended too early.
func (b *boot) death(err error) string {
	if err := checkSpace(b.dir, 0); err != nil {
		b.died = false // nor would a second try have any
		return fmt.Sprintf("the guest died: %v", err)
	}
	log := readLog(b.kernelLog())
	if b.phase == phaseBoot && !kernelLineRE.MatchString(log) {
		b.died = false // vng itself failed: a second try would do the same
		return fmt.Sprintf("vng didn't start the VM (%v): %s", err, lastLines(readLog(b.vngLog())+log, 8))
	}
	where := "while it booted"
	if b.phase == phaseStart {
		where = "in " + b.plan.Items[b.item].Name
	} else if b.phase != phaseBoot {
		where = "between two programs"
	}
	if said := readLog(b.agentLog()); said != "" {
		where += "; the runner's agent said: " + lastLines(said, 20)
	}
	return "the guest died " + where
}

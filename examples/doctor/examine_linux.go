package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/mounts"
	"github.com/bpfx/go/internal/netns"
)

// examine tries everything, in a network namespace of its own.
func examine() (*Report, error) {
	report := &Report{Machine: machine()}
	note := func(name, detail string, err error) {
		report.Checks = append(report.Checks, result(name, detail, err))
	}
	b := &bench{}
	defer b.close()
	tryHooks := func() error {
		for _, h := range hooks() {
			note(h.name, "", b.try(h))
		}
		return nil
	}
	b.noNetns = netns.Do(tryHooks)
	if b.noNetns != nil {
		report.Checks = nil
		tryHooks()
	}
	for _, a := range abilities {
		detail, err := a.try()
		note(a.name, detail, err)
	}
	return report, nil
}

// result turns an error into a cause and a remedy.
func result(name, detail string, err error) Result {
	if err == nil {
		return Result{Name: name, OK: true, Detail: detail}
	}
	if d := bpfx.Explain(err); d != nil {
		return Result{Name: name, Cause: d.Cause, Remedy: d.Remedy}
	}
	return Result{Name: name, Cause: err.Error()}
}

// bench is where programs are attached: what hooks need is made when the first
// one asks for it.
type bench struct {
	noNetns   error // why this thread isn't in a network namespace of its own
	scope     bpfx.Scope
	cgroupDir string
	sockets   *ebpf.Map
}

// close removes what was made.
func (b *bench) close() {
	if err := b.scope.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "doctor: clean up:", err)
	}
}

// try loads a program for a hook, attaches it and takes it away again.
func (b *bench) try(h hook) error {
	target, noPlace := h.target(b)
	if h.network && noPlace == nil {
		noPlace = b.noNetns
	}
	if target == nil {
		return noPlace
	}
	spec := target.Spec(trivial(h.ret))
	spec.Name = "bpfx_doctor"
	return bpfx.WithProgram(spec, func(p *bpfx.Program) error {
		if noPlace != nil {
			return noPlace // but what can't be loaded is the better reason
		}
		_, err := p.Attach(target)
		return err
	})
}

// cgroup returns a cgroup without processes.
func (b *bench) cgroup() (string, error) {
	if b.cgroupDir != "" {
		return b.cgroupDir, nil
	}
	root := mountPoint("cgroup2")
	if root == "" {
		return "", errors.New("cgroup2 is not mounted; mount -t cgroup2 cgroup2 /sys/fs/cgroup")
	}
	dir, err := os.MkdirTemp(root, "bpfx-doctor-")
	if err != nil {
		return "", fmt.Errorf("make a cgroup: %w", err)
	}
	b.scope.Defer(func() error { return os.Remove(dir) })
	b.cgroupDir = dir
	return dir, nil
}

// sockmap returns a sockmap without sockets.
func (b *bench) sockmap() (*ebpf.Map, error) {
	if b.sockets != nil {
		return b.sockets, nil
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "bpfx_doctor", Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return nil, fmt.Errorf("make a sockmap: %w", err)
	}
	b.scope.Defer(m.Close)
	b.sockets = m
	return m, nil
}

// mountPoint returns where a filesystem of a type is mounted, "" if nowhere.
func mountPoint(fs string) string {
	dir, _ := mounts.Of(os.DirFS("/"), fs)
	return dir
}

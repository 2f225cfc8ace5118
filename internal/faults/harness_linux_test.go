//go:build amd64 || arm64

package faults

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/bpfx/structops"
)

// faulty are operations that leak and lie when something fails. They show that
// the harness sees it.
var faulty = []op{
	{name: "descriptor", run: func(*env) error {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open the first: %w", err)
		}
		if err := another(); err != nil {
			return err
		}
		return unix.Close(fd)
	}},
	{name: "errno", run: func(*env) error {
		if err := another(); err != nil {
			return errors.New("something went wrong")
		}
		return nil
	}},
	{name: "not supported", run: func(*env) error {
		if err := another(); err != nil {
			return fmt.Errorf("open: %w (%w)", ebpf.ErrNotSupported, err)
		}
		return nil
	}},
	{name: "bare errno", run: func(*env) error { return errors.Unwrap(errors.Unwrap(another())) }},
	{name: "panic", run: func(*env) error {
		if err := another(); err != nil {
			panic(err)
		}
		return nil
	}},
	{name: "result", run: func(*env) error { return want("success", another() == nil, true) }},
	{name: "pin", run: func(e *env) error {
		return bpfx.WithProgram(xdpSpec(0), func(p *bpfx.Program) error {
			if err := p.Pin(e.path("forgotten")); err != nil {
				return err
			}
			if err := another(); err != nil {
				return err
			}
			return p.Unpin()
		})
	}},
	{name: "congestion control", run: func(*env) error {
		s := ccSpec()
		s.NoLink = true
		o, err := structops.Load(s)
		if err != nil {
			return err
		}
		if err := o.Register(); err != nil {
			return errors.Join(err, o.Close())
		}
		if err := another(); err != nil {
			return err // o is dropped
		}
		return o.Close()
	}},
	{name: "thread", run: func(*env) error {
		err := another()
		if err != nil {
			started := make(chan error)
			go func() {
				runtime.LockOSThread()
				started <- unix.Unshare(unix.CLONE_NEWNET)
				select {}
			}()
			err = errors.Join(err, <-started)
		}
		return err
	}},
	{name: "program", run: func(e *env) error {
		spec := bpfx.Cgroup{AttachType: ebpf.AttachCGroupInetEgress}.Spec(returning(1))
		return bpfx.WithProgram(spec, func(p *bpfx.Program) error {
			f, err := os.Open(e.Cgroup)
			if err != nil {
				return err
			}
			defer f.Close()
			err = link.RawAttachProgram(link.RawAttachProgramOptions{Target: int(f.Fd()), Program: p.Program, Attach: ebpf.AttachCGroupInetEgress, Flags: unix.BPF_F_ALLOW_MULTI})
			if err != nil {
				return err
			}
			if err := another(); err != nil {
				return err
			}
			return link.RawDetachProgram(link.RawDetachProgramOptions{Target: int(f.Fd()), Program: p.Program, Attach: ebpf.AttachCGroupInetEgress})
		})
	}},
}

// another opens something.
func another() error {
	f, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("open another: %w", err)
	}
	return f.Close()
}

// TestHarness runs operations that leak and lie, and wants all to be found.
func TestHarness(t *testing.T) {
	t.Cleanup(func() { patience = longPatience })
	p := newProcess(t)
	base, err := look(p)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"left behind: descriptor",
		"doesn't wrap",
		"lacks something",
		"names nothing",
		"panic: ",
		"wrong result",
		"left behind: pins [/forgotten]",
		"left behind: congestion control " + ccName,
		"left behind: a thread in a network namespace",
		"left behind: program",
	} {
		if i > 5 && sampling() {
			break // the rest takes as long as the kernel needs to free what is not left
		}
		t.Run(faulty[i].name, func(t *testing.T) {
			f := &faulting{process: p, before: &base, op: &faulty[i], thorough: true}
			f.warmUp(t)
			if len(f.found) > 0 {
				t.Fatalf("without a fault: %q", f.found)
			}
			patience = 500 * time.Millisecond // what leaks stays
			f.all(t)
			patience = longPatience
			if !slices.ContainsFunc(f.found, func(s string) bool { return strings.Contains(s, want) }) {
				t.Errorf("found %q, want %q", f.found, want)
			}
		})
	}
}

//go:build linux && (amd64 || arm64)

package faults

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// attachOps attach in other ways than WithAttached.
var attachOps = []op{
	{name: "LoadAndAttach", since: "4.17", run: func(e *env) error {
		a, err := bpfx.LoadAndAttach(e.threePrograms(), nil)
		if err != nil {
			return err
		}
		return closing(a.Close, func() error { return e.allRun(a) })
	}},
	{name: "AttachAll", since: "4.17", run: func(e *env) error {
		return bpfx.WithCollection(e.threePrograms(), func(c *bpfx.Collection) error {
			a, err := c.AttachAll(nil)
			if err != nil {
				for name, p := range c.Programs {
					if p.Attached() {
						err = errors.Join(err, fmt.Errorf("%w: %s is attached still", errLie, name))
					}
				}
				return err
			}
			return closing(a.Close, func() error { return e.allRun(a) })
		})
	}},
	{name: "WithAttachedAll", since: "5.9", run: func(e *env) error {
		spec := e.threePrograms()
		spec.Programs["x"] = xdpSpec(2)
		opts := &bpfx.AttachOptions{Hooks: map[string]bpfx.Hook{"x": bpfx.XDP{Interface: "lo"}}, Skip: []string{"p2"}}
		return bpfx.WithAttachedAll(spec, opts, func(a *bpfx.Attached) error {
			if err := want("skipped programs", len(a.Skipped), 1); err != nil {
				return err
			}
			return e.allRun(a)
		})
	}},
	{name: "Attachment.Update", since: "5.9", run: update},
	{name: "sk_msg", since: "4.17", run: func(e *env) error {
		return e.withSockmap(func(m *ebpf.Map) hook { return bpfx.SkMsg{Map: m} })
	}},
	{name: "sk_skb", since: "4.14", run: func(e *env) error {
		return e.withSockmap(func(m *ebpf.Map) hook { return bpfx.SkSkb{Map: m} })
	}},
	{name: "tcx before another program", since: "6.6", configs: []string{"CONFIG_NET_XGRESS"}, run: func(e *env) error {
		h := bpfx.TCX{Interface: "lo"}
		return bpfx.WithAttached(h.Spec(returning(-1)), h, func(_ *bpfx.Program, first *bpfx.Attachment) error {
			h.Anchor = bpfx.Before(first)
			return e.withAttached(h, -1, sendUDP)
		})
	}},
	{name: "tcx in place of a program", since: "6.6", configs: []string{"CONFIG_NET_XGRESS"}, run: inPlace},
	{name: "netkit", since: "6.7", configs: []string{"CONFIG_NETKIT"}, run: func(e *env) error {
		if e.netkit != nil {
			return fmt.Errorf("%w: %w", ebpf.ErrNotSupported, e.netkit)
		}
		return e.withAttached(bpfx.Netkit{Interface: testutil.NetkitPrimary}, -1, sendNetkit)
	}},
	{name: "freplace", since: "5.10", refusable: true, run: replaceFunction},
	{name: "HookFunc", since: "4.17", run: func(e *env) error {
		h := bpfx.HookFunc("mine", func(p *ebpf.Program) (*bpfx.Attachment, error) {
			return bpfx.RawTracepoint{Name: "sched_process_fork"}.Attach(p)
		})
		spec := bpfx.RawTracepoint{}.Spec(e.counting(0))
		return bpfx.WithAttached(spec, h, func(*bpfx.Program, *bpfx.Attachment) error { return e.mustRun(fork) })
	}},
	{name: "a hook that is taken, and Explain", since: "5.9", run: taken},
	{name: "a symbol that isn't there, and Explain", since: "4.1", configs: kprobes, slow: true, run: misspelt},
}

// threePrograms is an object of programs for raw tracepoints, p0 to p2, which
// count their runs.
func (e *env) threePrograms() *ebpf.CollectionSpec {
	spec := &ebpf.CollectionSpec{Programs: make(map[string]*ebpf.ProgramSpec)}
	for i := range 3 {
		p := bpfx.RawTracepoint{}.Spec(e.counting(0))
		p.Name = fmt.Sprintf("p%d", i)
		p.AttachTo = "sched_process_fork"
		spec.Programs[p.Name] = p
	}
	return spec
}

// allRun returns an error unless the programs of threePrograms run that are
// attached. They need not all run at the first fork: the kernel leaves a program
// out that is in the middle of another run on the same CPU, as it may be on
// kernels whose tracepoints can be preempted.
func (e *env) allRun(a *bpfx.Attached) error {
	n := uint64(0)
	for _, p := range a.Programs {
		if strings.HasPrefix(p.Hook.String(), "raw_tracepoint") {
			n++
		}
	}
	rest()
	ran := uint64(0)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		before := e.count()
		if err := fork(e); err != nil {
			return err
		}
		if ran = e.count() - before; ran >= n {
			return nil
		}
	}
	return fmt.Errorf("%w: %d of %d programs ran", errLie, ran, n)
}

// update moves an attachment from one program to another.
func update(e *env) error {
	h := bpfx.XDP{Interface: "lo"}
	return bpfx.WithProgram(h.Spec(e.counting(2)), func(next *bpfx.Program) error {
		return bpfx.WithAttached(xdpSpec(2), h, func(p *bpfx.Program, a *bpfx.Attachment) error {
			if err := a.Update(next); err != nil {
				if !p.Attached() || next.Attached() {
					err = errors.Join(err, fmt.Errorf("%w: the attachment has moved although", errLie))
				}
				return err
			}
			if p.Attached() || !next.Attached() {
				return fmt.Errorf("%w: the attachment has not moved", errLie)
			}
			return e.mustRun(sendUDP)
		})
	})
}

// withSockmap attaches to a sockmap and sends through a socket in it.
func (e *env) withSockmap(on func(*ebpf.Map) hook) error {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "sockmap", Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return err
	}
	return closing(m.Close, func() error {
		return e.withAttached(on(m), 1, func(*env) error { return sendThrough(m) })
	})
}

func sendThrough(m *ebpf.Map) error {
	a, b, err := connect()
	if err != nil {
		return err
	}
	defer a.Close()
	defer b.Close()
	raw, err := a.SyscallConn()
	if err != nil {
		return err
	}
	var put error
	if err := raw.Control(func(fd uintptr) { put = m.Put(uint32(0), uint32(fd)) }); err != nil || put != nil {
		return errors.Join(err, put)
	}
	buf := make([]byte, 5)
	if _, err := a.Write([]byte("hello")); err != nil {
		return err
	}
	if _, err := b.Read(buf); err != nil {
		return err
	}
	if _, err := b.Write([]byte("hello")); err != nil {
		return err
	}
	_, err = a.Read(buf)
	return err
}

// inPlace attaches in place of a program that is attached without a link.
func inPlace(e *env) error {
	h := bpfx.TCX{Index: 1} // lo
	return bpfx.WithProgram(h.Spec(returning(-1)), func(first *bpfx.Program) error {
		place := link.RawAttachProgramOptions{Target: h.Index, Program: first.Program, Attach: ebpf.AttachTCXIngress}
		if err := link.RawAttachProgram(place); errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("%w: %w", ebpf.ErrNotSupported, err)
		} else if err != nil {
			return err
		}
		h.Anchor = bpfx.ReplaceProgram(first.Program)
		replaced := false
		err := bpfx.WithAttached(h.Spec(e.counting(-1)), h, func(*bpfx.Program, *bpfx.Attachment) error {
			replaced = true
			return e.mustRun(sendUDP)
		})
		if replaced {
			return err
		}
		return errors.Join(err, link.RawDetachProgram(link.RawDetachProgramOptions{Target: h.Index, Program: first.Program, Attach: ebpf.AttachTCXIngress}))
	})
}

// replaceFunction replaces a function of a program.
func replaceFunction(*env) error {
	entry := bpfx.XDP{}.Spec(asm.Instructions{
		btf.WithFuncMetadata(asm.Call.Label("replaceable").WithSymbol("entry"), xdpFunc("entry")),
		asm.Return(),
		btf.WithFuncMetadata(asm.Mov.Imm(asm.R0, 2).WithSymbol("replaceable"), xdpFunc("replaceable")),
		asm.Return(),
	})
	return bpfx.WithProgram(entry, func(target *bpfx.Program) error {
		h := bpfx.Freplace{Target: target.Program, Func: "replaceable"}
		insns := returning(1)
		insns[0] = btf.WithFuncMetadata(insns[0].WithSymbol("replacement"), xdpFunc("replacement"))
		return bpfx.WithAttached(h.Spec(insns), h, func(*bpfx.Program, *bpfx.Attachment) error { return returns(target, 1) })
	})
}

// taken attaches two programs where there is room for one. Explain must tell
// so, or nothing if it couldn't find out.
func taken(*env) error {
	h := bpfx.XDP{Interface: "lo"}
	return bpfx.WithAttached(xdpSpec(2), h, func(p *bpfx.Program, _ *bpfx.Attachment) error {
		_, err := p.Attach(h)
		return explained(err, "already")
	})
}

// misspelt attaches to a function that doesn't exist.
func misspelt(*env) error {
	h := bpfx.Kprobe{Symbol: "inet_dgram_conect"}
	err := bpfx.WithAttached(h.Spec(returning(0)), h, func(*bpfx.Program, *bpfx.Attachment) error { return nil })
	return explained(err, "inet_dgram_connect")
}

// explained returns an error unless err is explained as expected. Under a
// fault, it may be another error, or Explain may have found out nothing.
func explained(err error, cause string) error {
	if err == nil {
		return fmt.Errorf("%w: it worked", errLie)
	}
	d := bpfx.Explain(err)
	switch {
	case errors.Is(err, ebpf.ErrNotSupported):
		return err
	case d == nil:
		return fmt.Errorf("%w: %w", errUnexplained, err)
	case strings.Contains(d.String(), cause):
		return nil
	case injected(err):
		return err
	}
	return fmt.Errorf("%w: explained as %v", errLie, d)
}

var errUnexplained = errors.New("not explained")

// injected reports whether err may be of a fault.
func injected(err error) bool {
	for _, errno := range errnos {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

package tailcall

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/progname"
)

// checkPut reports what can be told before the kernel is asked.
func (c *core) checkPut(a *liveArray, slot uint32, p *bpfx.Program) error {
	switch {
	case p == nil || p.Program == nil:
		return errNilProgram
	case slot >= a.max:
		return a.outOfRange()
	}
	return nil
}

func (a *liveArray) outOfRange() error {
	return fmt.Errorf("the array has %d slots, from 0 to %d", a.max, a.max-1)
}

// explainPut says why the kernel didn't take p.
func (c *core) explainPut(a *liveArray, p *bpfx.Program, err error) error {
	switch {
	case errors.Is(err, syscall.EINVAL):
		m := c.model(nil, nil)
		if user, diff := m.refusal(m.array(a.name), c.nodeOf(p)); diff != "" {
			return fmt.Errorf("the kernel refuses it beside %s: %s: %w", user.quoted(), diff, err)
		}
		return fmt.Errorf("the kernel refuses it: its attach type, xdp.frags or cgroup storage isn't that of the first program that was in array %q or was loaded to call through it; or it is sleepable, bound to a device, or calls bpf_override_return: %w", a.name, err)
	case errors.Is(err, syscall.EBUSY):
		return fmt.Errorf("a function of it is replaced by a freplace program, so the kernel takes it in no array: %w", err)
	}
	return err
}

// explainLoad says why the kernel didn't load n, if it didn't say it itself.
func (c *core) explainLoad(n *node, err error) error {
	if c.entry == nil || len(n.code.calls) == 0 || !errors.Is(err, syscall.EINVAL) {
		return err
	}
	var verifier *ebpf.VerifierError
	if errors.As(err, &verifier) && len(verifier.Log) > 0 && !strings.HasPrefix(verifier.Log[0], "processed ") {
		return err // the log ends in statistics, also if nothing else is in it
	}
	m := c.model(nil, nil)
	for i := range n.code.calls {
		ref := n.code.calls[i].array
		if ref.kind != mapRef {
			continue
		}
		if user, diff := m.refusal(m.byID(n.code.refs[ref.lo]), n); diff != "" {
			return fmt.Errorf("%w: it calls through an array of %s: %s", err, user.quoted(), diff)
		}
	}
	return err
}

// refusal says in what n differs from a program that uses an array already, so
// that the kernel refuses it.
func (m *model) refusal(a *arrayModel, n *node) (user *node, diff string) {
	if a == nil {
		return nil, ""
	}
	for _, user := range m.users(a) {
		if diff := refusal(user, n); diff != "" {
			return user, diff
		}
	}
	return nil, ""
}

// nodeOf returns what is known of a program.
func (c *core) nodeOf(p *bpfx.Program) *node {
	if n := c.nodes[p]; n != nil {
		return n
	}
	return &node{typ: p.Type(), loaded: p}
}

// name returns the name of a program: that of its spec, or the kernel's.
func (c *core) name(p *bpfx.Program) string {
	if n := c.nodes[p]; n != nil && n.spec != nil {
		return n.spec.Name
	}
	return programName(p)
}

// nameOf is name for a program that may be missing.
func (c *core) nameOf(p *bpfx.Program) string {
	if p == nil || p.Program == nil {
		return ""
	}
	return c.name(p)
}

// programName returns the name of a program that was loaded elsewhere.
func programName(p *bpfx.Program) string {
	name := ""
	if p.Use(func(p *ebpf.Program) error { name = progname.Of(p); return nil }) != nil {
		return "closed"
	}
	return name
}

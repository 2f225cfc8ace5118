//go:build linux && (amd64 || arm64)

package faults

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx/structops"
)

// ccName is the name of the congestion control that operations register.
const ccName = "bpfx_faults"

// structOps load, register and replace TCP congestion controls.
var structOps = []op{
	{name: "structops.Types, Field and Kfunc", since: "5.13", slow: true, run: describe},
	{name: "structops.Load", since: "5.6", run: func(*env) error {
		o, err := structops.Load(ccSpec())
		if err != nil {
			return err
		}
		return closing(o.Close, func() error { return want("registered", o.Registered(), false) })
	}},
	{name: "structops.WithRegistered and UseTCPCC", since: "5.6", run: func(*env) error {
		return structops.WithRegistered(ccSpec(), func(*structops.Ops) error { return usable(ccName) })
	}},
	{name: "structops without a link", since: "5.6", run: func(*env) error {
		s := ccSpec()
		s.NoLink = true
		return structops.WithRegistered(s, func(*structops.Ops) error { return usable(ccName) })
	}},
	{name: "structops.Ops.Unregister and Register", since: "5.6", run: func(*env) error {
		return structops.WithRegistered(ccSpec(), func(o *structops.Ops) error {
			if err := o.Unregister(); err != nil {
				return err
			}
			if err := o.Register(); err != nil {
				return errors.Join(err, want("registered", o.Registered(), false))
			}
			return usable(ccName)
		})
	}},
	{name: "structops.Ops.Replace", since: "6.4", run: replaceCC},
	{name: "structops.Ops.Pin and LoadPinned", since: "5.6", run: pinCC},
	{name: "structops.UnregisterByName", since: "5.6", waits: true, run: func(*env) error {
		s := ccSpec()
		s.NoLink = true // which all kernels can unregister
		return structops.WithRegistered(s, func(*structops.Ops) error {
			if err := structops.UnregisterByName(ccName); err != nil {
				return err
			}
			return gone(ccName)
		})
	}},
}

// ccSpec is the least that is a congestion control. It never grows its window.
func ccSpec() *structops.Spec {
	program := func(ret int32) *ebpf.ProgramSpec {
		return &ebpf.ProgramSpec{License: "GPL", Instructions: returning(ret)}
	}
	return &structops.Spec{
		Type: "tcp_congestion_ops", Name: ccName,
		Funcs: map[string]*ebpf.ProgramSpec{"ssthresh": program(5), "undo_cwnd": program(5), "cong_avoid": program(0)},
	}
}

// describe looks things up in the kernel's BTF.
func describe(*env) error {
	types, err := structops.Types()
	if err != nil {
		return err
	}
	is := func(t *structops.Type) bool { return t.Name == ccSpec().Type }
	if err := want("the type's presence", slices.ContainsFunc(types, is), true); err != nil {
		return err
	}
	f, err := structops.Field("tcp_sock", "snd_cwnd")
	if err != nil {
		return err
	}
	if err := want("the size of snd_cwnd", f.Size, 4); err != nil {
		return err
	}
	call, err := structops.Kfunc("tcp_reno_ssthresh")
	if err != nil {
		return err
	}
	return want("a call", call.IsKfuncCall(), true)
}

// usable has a socket use a congestion control.
func usable(name string) error {
	rest()
	a, b, err := connect()
	if err != nil {
		return err
	}
	defer a.Close()
	defer b.Close()
	if err := structops.UseTCPCC(a, name); err != nil {
		return err
	}
	got, err := structops.TCPCC(a)
	if err != nil {
		return err
	}
	return want("the socket's congestion control", got, name)
}

// gone returns an error if a congestion control is registered.
func gone(name string) error {
	names, err := structops.AvailableTCPCC()
	if err != nil {
		return err
	}
	if slices.Contains(names, name) {
		return fmt.Errorf("%w: %s is registered still", errLie, name)
	}
	return nil
}

// replaceCC replaces a congestion control by another one, of a map of its own.
func replaceCC(*env) error {
	return structops.WithRegistered(ccSpec(), func(old *structops.Ops) error {
		return structops.With(ccSpec(), func(new *structops.Ops) error {
			if err := old.Replace(new); err != nil {
				if !old.Registered() || new.Registered() {
					err = errors.Join(err, fmt.Errorf("%w: it was replaced although", errLie))
				}
				return err
			}
			if err := want("the new one's registration", new.Registered(), true); err != nil {
				return err
			}
			return usable(ccName)
		})
	})
}

// pinCC pins a congestion control, closes it and opens it again.
func pinCC(e *env) error {
	path := e.path("cc")
	err := structops.WithRegistered(ccSpec(), func(o *structops.Ops) error {
		if err := o.Pin(path); err != nil {
			return err
		}
		e.keeps = true
		rest()
		return nil
	})
	if err != nil {
		return err
	}
	again, err := structops.LoadPinned(path)
	if err != nil {
		return err
	}
	return closing(again.Close, func() error {
		if err := usable(ccName); err != nil {
			return err
		}
		if err := again.Unregister(); err != nil {
			return err
		}
		e.keeps = false
		return nil
	})
}

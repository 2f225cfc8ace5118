package bpfx

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// plainHook returns h, or what it points to if that is a hook by itself: all
// that looks at the type of a hook looks for values.
func plainHook(h Hook) (Hook, error) {
	if h == nil {
		return nil, errNoHook
	}
	v := reflect.ValueOf(h)
	if v.Kind() != reflect.Pointer {
		return h, nil
	}
	if v.IsNil() {
		return nil, errNoHook
	}
	if value, ok := v.Elem().Interface().(Hook); ok {
		return value, nil
	}
	return h, nil
}

// apply puts into the hook of a section name what the options say of its kind.
func (o *AttachOptions) apply(name string, h Hook) (_ Hook, err error) {
	switch h := h.(type) {
	case Uprobe:
		h.PID = o.PID
		h.Path, err = findFile(h.Path)
		return h, err
	case Uretprobe:
		h.PID = o.PID
		h.Path, err = findFile(h.Path)
		return h, err
	case UprobeMulti:
		h.PID = o.PID
		h.Path, err = findFile(h.Path)
		return h, err
	case UretprobeMulti:
		h.PID = o.PID
		h.Path, err = findFile(h.Path)
		return h, err
	case SkLookup:
		return SkLookup{Netns: o.Netns}, nil
	case FlowDissector:
		return FlowDissector{Netns: o.Netns}, nil
	case PerfEvent:
		return o.PerfEvent, nil
	case Netfilter:
		if o.Netfilter == nil {
			return nil, fmt.Errorf("no hook of netfilter: set Netfilter or Hooks[%q]", name)
		}
		return *o.Netfilter, nil
	}
	return h, nil
}

// complete puts into a hook what it can't do without, if it isn't there: from
// the options, or from what the section name of spec says. It also returns the
// name of the map that the hook is to have, if it needs one.
func (p *plan) complete(name string, spec *ebpf.ProgramSpec, h Hook) (_ Hook, mapName string, err error) {
	o := p.opts
	iface := fmt.Sprintf("no interface: set Interface or Hooks[%q]", name)
	switch h := h.(type) {
	case XDP:
		if h.Index == 0 {
			err = fill(&h.Interface, o.Interface, iface)
		}
		return h, "", err
	case TCX:
		if h.Index == 0 {
			err = fill(&h.Interface, o.Interface, iface)
		}
		return h, "", err
	case Netkit:
		if h.Index == 0 {
			err = fill(&h.Interface, o.Interface, iface)
		}
		return h, "", err
	case Cgroup:
		err = fill(&h.Path, o.Cgroup, fmt.Sprintf("no cgroup: set Cgroup or Hooks[%q]", name))
		return h, "", err
	case SkMsg:
		if h.Map == nil {
			mapName, err = p.sockmapName(name)
		}
		return h, mapName, err
	case SkSkb:
		if h.Map == nil {
			mapName, err = p.sockmapName(name)
		}
		return h, mapName, err
	case Freplace:
		h, err = p.completeFreplace(name, spec, h)
		return h, "", err
	}
	h, err = completeTraced(spec, h)
	return h, "", err
}

// completeTraced is complete for hooks that the kernel's BTF is needed for.
func completeTraced(spec *ebpf.ProgramSpec, h Hook) (_ Hook, err error) {
	const fn = "no function: neither hook nor section name says which"
	switch h := h.(type) {
	case Fentry:
		err = fill(&h.Func, spec.AttachTo, fn)
		return h, err
	case Fexit:
		err = fill(&h.Func, spec.AttachTo, fn)
		return h, err
	case FmodRet:
		err = fill(&h.Func, spec.AttachTo, fn)
		return h, err
	case LSM:
		err = fill(&h.Hook, spec.AttachTo, fn)
		return h, err
	case BTFTracepoint:
		err = fill(&h.Name, spec.AttachTo, "no tracepoint: neither hook nor section name says which")
		return h, err
	}
	return h, nil
}

// fill sets a field that is empty to value, and returns an error that says
// what is missing if that is empty, too.
func fill(field *string, value, what string) error {
	if *field == "" {
		*field = value
	}
	if *field == "" {
		return errors.New(what)
	}
	return nil
}

// completeFreplace is complete for programs that replace a function.
func (p *plan) completeFreplace(name string, spec *ebpf.ProgramSpec, h Freplace) (Freplace, error) {
	if h.Func == "" {
		h.Func = spec.AttachTo
	}
	if h.Target == nil {
		h.Target = p.opts.Target
	}
	if h.Target == nil && (!p.loaded || checkProgram(spec.AttachTarget) == nil) {
		h.Target = spec.AttachTarget
	}
	if h.Target == nil && p.loaded {
		return h, nil // it goes where it was loaded for, if it never did before
	}
	switch {
	case h.Target == nil:
		return h, fmt.Errorf("no program whose function to replace: set Target or Hooks[%q]", name)
	case h.Func == "":
		return h, fmt.Errorf("no function to replace: the section name doesn't say which (freplace/FUNCTION); set Func of Hooks[%q]", name)
	}
	if err := checkProgram(h.Target); err != nil {
		return h, fmt.Errorf("target: %w", err)
	}
	return h, nil
}

// sockmapName returns the name of the map for an sk_msg or sk_skb program.
func (p *plan) sockmapName(program string) (string, error) {
	var have []string
	for _, name := range slices.Sorted(maps.Keys(p.spec.Maps)) {
		if m := p.spec.Maps[name]; m != nil && (m.Type == ebpf.SockMap || m.Type == ebpf.SockHash) {
			have = append(have, name)
		}
	}
	option, want := "Map", p.opts.Map
	if name, ok := p.opts.Maps[program]; ok {
		option, want = fmt.Sprintf("Maps[%q]", program), name
	}
	switch {
	case len(have) == 0:
		return "", fmt.Errorf("the object has no sockmap or sockhash: set Hooks[%q] to one with a Map", program)
	case want == "" && len(have) == 1:
		return have[0], nil
	case want == "":
		return "", fmt.Errorf("several maps (%s): set Map or Maps[%q]", strings.Join(have, ", "), program)
	}
	if slices.Contains(have, want) {
		return want, nil
	}
	return "", fmt.Errorf("%s is %q, which is not a sockmap or sockhash of the object; it has %s", option, want, strings.Join(have, ", "))
}

package bpfx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/scope"
)

// AttachOptions say what the section names of an object can't, or say wrongly.
// The zero value will do if they say all.
//
// Programs are named by their keys in ebpf.CollectionSpec.Programs, which for
// an object file are the names of their functions.
type AttachOptions struct {
	// Interface is the network interface for xdp, tcx and netkit programs.
	Interface string
	// Cgroup is the directory for cgroup and sockops programs.
	Cgroup string
	// Netns is the network namespace for sk_lookup and flow_dissector
	// programs; by default that of the calling thread.
	Netns Netns
	// PID is the process for uprobes; 0 means all processes.
	PID int
	// Map is the sockmap or sockhash of the object for sk_msg and sk_skb
	// programs. It may be empty if the object has just one.
	Map string
	// Target is the program whose functions freplace programs replace. It
	// stays the caller's.
	Target *ebpf.Program
	// PerfEvent is the event for perf_event programs: its zero value has them
	// run 99 times a second on each CPU.
	PerfEvent PerfEvent
	// Netfilter is the hook for netfilter programs. It must be given if there
	// are any.
	Netfilter *Netfilter

	// Hooks has places by program name, to use instead of what the section
	// name says. An interface, cgroup, map or target that a hook leaves empty
	// is taken from the fields above, and the name that a hook by BTF is for,
	// such as Fentry, from the section name. A hook that has a method Spec, as
	// all of this package have, also decides the type and the target that the
	// program is loaded for.
	Hooks map[string]Hook
	// Maps has the names of sockmaps or sockhashes of the object by program
	// name, to use instead of Map.
	Maps map[string]string
	// Skip has the names of programs not to attach. LoadAndAttach doesn't load
	// them either. It may also name struct_ops maps.
	Skip []string
	// LoadOnly has the names of programs to load and not to attach: those that
	// others reach by tail call, for example (package tailcall also checks
	// these), or iterators. It may also name struct_ops maps.
	LoadOnly []string
	// Optional has the names of programs to attach although their section
	// names start with "?". The others of those are skipped, as libbpf does,
	// unless Hooks or LoadOnly name them.
	Optional []string

	// Load is how LoadAndAttach loads. It may be nil.
	Load *ebpf.CollectionOptions
}

// LoadAndAttach loads the programs and maps of spec, for example of
// [ebpf.LoadCollectionSpec], and attaches each program to the place that its
// section name says, such as "xdp" or "fentry/tcp_connect", as libbpf
// understands them. opts may be nil.
//
// Before it loads anything, it checks all programs and reports everything that
// is amiss, one [*ProgramError] each, joined and in the order of the programs'
// names: what a section name doesn't say and opts don't either, sections whose
// programs aren't attached here, options that name no program, two programs
// for a place that has room for one, interfaces, cgroups and files that don't
// exist. Programs of sections that are not for attaching, such as "socket",
// "syscall" or "iter/task", must be named in opts: in LoadOnly, Skip or Hooks.
// So must maps of struct_ops, which are for package structops.
//
// Programs are attached in the order of their names, which makes it the order
// in which they run where several share a place: tcx, netkit, cgroups,
// sk_lookup. If one can't be attached, those that were are detached again.
//
// The result owns what was loaded, and must be closed. spec is not changed.
// Returns errors as [LoadCollection] and [Attach] do.
func LoadAndAttach(spec *ebpf.CollectionSpec, opts *AttachOptions) (*Attached, error) {
	if spec == nil {
		return nil, errors.New("load and attach: nil spec")
	}
	plan, err := newPlan(spec, opts, false)
	if err != nil {
		return nil, err
	}
	c, err := LoadCollection(plan.retargeted(), plan.opts.Load)
	if err != nil {
		return nil, err
	}
	a, err := plan.attach(c)
	if err != nil {
		return nil, scope.Join(err, c.Close())
	}
	a.owner = true
	return a, nil
}

// AttachAll attaches the programs of a collection that is loaded already. It
// does what [LoadAndAttach] does after loading, and checks the same before.
// opts may be nil.
//
// What was fixed when the programs were loaded can't be changed any more:
// Hooks that need another type or target give an error. The result must be
// closed; the collection stays the caller's, and closing it detaches too.
func (c *Collection) AttachAll(opts *AttachOptions) (*Attached, error) {
	if c == nil || c.Spec == nil {
		return nil, errors.New("attach all: the collection has no Spec: it comes from LoadCollection")
	}
	plan, err := newPlan(c.Spec, opts, true)
	if err != nil {
		return nil, err
	}
	return plan.attach(c)
}

// WithAttachedAll loads spec and attaches its programs as [LoadAndAttach] does,
// calls fn with the result and closes it. The contract is that of
// [WithProgram], for loading and attaching alike.
func WithAttachedAll(spec *ebpf.CollectionSpec, opts *AttachOptions, fn func(*Attached) error) error {
	return scope.With(func() (*Attached, error) { return LoadAndAttach(spec, opts) }, fn)
}

// ProgramError says what is wrong with one program of an object.
type ProgramError struct {
	Program string // its name
	Section string // the name of its section; empty if there is none
	Err     error
}

func (e *ProgramError) Error() string {
	if e.Section == "" {
		return fmt.Sprintf("program %q: %v", e.Program, e.Err)
	}
	return fmt.Sprintf("program %q (section %q): %v", e.Program, e.Section, e.Err)
}

// Unwrap returns the cause.
func (e *ProgramError) Unwrap() error { return e.Err }

// attach attaches the programs of c as planned, or none.
func (p *plan) attach(c *Collection) (*Attached, error) {
	a := &Attached{Collection: c}
	for _, t := range p.programs {
		if t.hook == nil {
			a.Skipped = append(a.Skipped, SkippedProgram{Program: t.name, Reason: t.why})
			continue
		}
		att, err := c.Programs[t.name].Attach(t.hookIn(c))
		if err != nil {
			err = &ProgramError{Program: t.name, Section: t.section, Err: err}
			return nil, scope.Join(err, a.Close())
		}
		a.Programs = append(a.Programs, AttachedProgram{t.name, att.Hook(), linkID(att), att})
	}
	return a, nil
}

// checkNames reports options that name a program that isn't there, or the
// same one twice.
func (p *plan) checkNames() {
	type list struct {
		option string
		names  []string
	}
	o := p.opts
	lists := []list{
		{"Hooks", slices.Sorted(maps.Keys(o.Hooks))}, {"LoadOnly", o.LoadOnly}, {"Skip", o.Skip},
		{"Optional", o.Optional}, {"Maps", slices.Sorted(maps.Keys(o.Maps))},
	}
	in := make(map[string][]string) // the first three of lists, by program
	for i, l := range lists {
		for _, name := range l.names {
			_, isProgram := p.spec.Programs[name]
			isMap := (l.option == "Skip" || l.option == "LoadOnly") && isStructOps(p.spec.Maps[name])
			switch {
			case !isProgram && !isMap:
				p.report(name, fmt.Errorf("%s names it, but the object has no such program; it has %s", l.option, p.programNames()))
			case i < 3 && !slices.Contains(in[name], l.option):
				in[name] = append(in[name], l.option)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if len(in[name]) > 1 {
			p.report(name, fmt.Errorf("it is named in %s: take it out of all but one", strings.Join(in[name], " and ")))
		}
	}
}

// programNames lists the programs of the object.
func (p *plan) programNames() string {
	names := slices.Sorted(maps.Keys(p.spec.Programs))
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

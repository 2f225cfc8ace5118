package bpfx

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// A plan is what is to become of the programs of an object.
type plan struct {
	spec       *ebpf.CollectionSpec
	opts       *AttachOptions
	loaded     bool // the object is loaded already
	programs   []planned
	complaints []complaint
}

// planned is what is to become of one program.
type planned struct {
	name, section string
	hook          Hook   // nil if it is not to be attached
	place         Hook   // hook, with what was looked up; nil if that was nothing
	mapName       string // the map of the object that hook gets, if it is for sockmaps
	why           string // why it is not to be attached
	unloaded      bool   // nor to be loaded
	changed       bool   // hook says what to load it for
}

// complaint is something that is wrong, and the name that it is sorted by.
type complaint struct {
	name string
	err  error
}

// newPlan decides about all programs of spec. It returns all that it finds
// wrong.
func newPlan(spec *ebpf.CollectionSpec, opts *AttachOptions, loaded bool) (*plan, error) {
	if opts == nil {
		opts = new(AttachOptions)
	}
	p := &plan{spec: spec, opts: opts, loaded: loaded}
	p.checkNames()
	p.checkStructOps()
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		p.programs = append(p.programs, p.decide(name, spec.Programs[name]))
	}
	p.checkSlots()
	p.checkPlaces()
	slices.SortStableFunc(p.complaints, func(a, b complaint) int { return cmp.Compare(a.name, b.name) })
	errs := make([]error, len(p.complaints))
	for i, f := range p.complaints {
		errs[i] = f.err
	}
	return p, errors.Join(errs...)
}

// report adds a complaint about a program.
func (p *plan) report(name string, err error) {
	section := ""
	if s := p.spec.Programs[name]; s != nil {
		section = s.SectionName
	}
	p.complaints = append(p.complaints, complaint{name, &ProgramError{Program: name, Section: section, Err: err}})
}

// decide says what is to become of a program.
func (p *plan) decide(name string, spec *ebpf.ProgramSpec) planned {
	t := planned{name: name}
	if spec == nil {
		p.report(name, errors.New("nil spec"))
		return t
	}
	t.section = spec.SectionName
	hook, given := p.opts.Hooks[name]
	switch {
	case slices.Contains(p.opts.Skip, name):
		t.why, t.unloaded = "named in Skip", true
	case slices.Contains(p.opts.LoadOnly, name):
		t.why = "named in LoadOnly"
	case given:
		p.decideHook(&t, spec, hook)
	case spec.Type == ebpf.StructOps:
		p.decideStructOps(&t, spec)
	case strings.HasPrefix(spec.SectionName, "?") && !slices.Contains(p.opts.Optional, name):
		t.why, t.unloaded = "optional, and not named in Optional", true
	default:
		p.decideSection(&t, spec)
	}
	return t
}

// decideHook plans for a program that Hooks has a hook for.
func (p *plan) decideHook(t *planned, spec *ebpf.ProgramSpec, hook Hook) {
	hook, err := plainHook(hook)
	if err == nil {
		t.hook, t.mapName, err = p.complete(t.name, spec, hook)
	}
	if err == nil {
		t.changed = true
		err = p.checkHook(spec, t)
	}
	if err != nil {
		t.hook = nil
		p.report(t.name, fmt.Errorf("in Hooks: %w", err))
	}
}

// decideSection plans for a program that goes where its section name says.
func (p *plan) decideSection(t *planned, spec *ebpf.ProgramSpec) {
	hook, err := sectionHook(spec)
	if err != nil {
		p.report(t.name, fmt.Errorf("%w; set Hooks[%q], or name it in LoadOnly or Skip", err, t.name))
		return
	}
	if hook, err = p.opts.apply(t.name, hook); err == nil {
		t.hook, t.mapName, err = p.complete(t.name, spec, hook)
	}
	if err == nil {
		_, t.changed = t.hook.(Freplace) // its target is never in the object
		err = p.checkHook(spec, t)
	}
	if err != nil {
		t.hook = nil
		p.report(t.name, err)
	}
}

// checkHook reports what can be told of a hook before spec is loaded.
func (p *plan) checkHook(spec *ebpf.ProgramSpec, t *planned) (err error) {
	if t.place, err = checkPlace(t.hook); err != nil {
		return fmt.Errorf("%v: %w", t.hook, err)
	}
	changed, err := retarget(spec, t.hook)
	if err == nil && p.loaded {
		err = checkLoadedFor(spec, changed)
	}
	return err
}

// hookIn returns the hook with the map that it needs of c.
func (t *planned) hookIn(c *Collection) Hook {
	if t.place != nil {
		return t.place
	}
	switch h := t.hook.(type) {
	case SkMsg:
		if h.Map == nil {
			h.Map = c.Maps[t.mapName]
		}
		return h
	case SkSkb:
		if h.Map == nil {
			h.Map = c.Maps[t.mapName]
		}
		return h
	}
	return t.hook
}

// matched is a hook whose pattern was looked up: that takes as long as to
// attach.
type matched struct {
	Hook       // what it prints, and is called afterwards
	place Hook // what it is attached to
}

// Attach attaches p to the functions that matched.
func (m matched) Attach(p *ebpf.Program) (*Attachment, error) { return m.place.Attach(p) }

// retargeted returns the part of the object that is to be loaded, and each
// program as its hook wants it.
func (p *plan) retargeted() *ebpf.CollectionSpec {
	spec := *p.spec
	spec.Programs = maps.Clone(spec.Programs)
	spec.Maps = maps.Clone(spec.Maps)
	for _, t := range p.programs {
		switch {
		case t.unloaded:
			delete(spec.Programs, t.name)
		case t.changed:
			// checkHook had no error of it.
			spec.Programs[t.name], _ = retarget(spec.Programs[t.name], t.hook)
		}
	}
	for _, name := range p.opts.Skip {
		if isStructOps(spec.Maps[name]) {
			delete(spec.Maps, name)
		}
	}
	return &spec
}

// checkSlots reports programs that are not to be loaded although program
// arrays hold them.
func (p *plan) checkSlots() {
	for _, mapName := range slices.Sorted(maps.Keys(p.spec.Maps)) {
		m := p.spec.Maps[mapName]
		if p.loaded || m == nil || m.Type != ebpf.ProgramArray {
			continue
		}
		for _, kv := range m.Contents {
			name, _ := kv.Value.(string)
			i := slices.IndexFunc(p.programs, func(t planned) bool { return t.name == name && t.unloaded })
			if i >= 0 {
				p.report(name, fmt.Errorf("slot %v of map %q needs it (%s): name it in LoadOnly", kv.Key, mapName, p.programs[i].why))
			}
		}
	}
}

package bpfx

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// FuzzSectionName has cilium/ebpf read an object with a section of that name,
// and wants a hook or an error for its program.
func FuzzSectionName(f *testing.F) {
	for _, tt := range sectionTests {
		f.Add(tt.section)
	}
	f.Fuzz(func(t *testing.T, section string) {
		if strings.ContainsRune(section, 0) {
			t.Skip() // ELF ends names there
		}
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(objectFile(map[string]string{"prog": section})))
		if err != nil {
			return // a section that isn't for programs, for example
		}
		for _, p := range spec.Programs {
			mustHookOrError(t, p)
		}
	})
}

// FuzzSectionSpec does the same with what spec authors can set.
func FuzzSectionSpec(f *testing.F) {
	for _, tt := range sectionTests {
		p := mustParse(f, map[string]string{"prog": tt.section}).Programs["prog"]
		f.Add(uint32(p.Type), uint32(p.AttachType), p.SectionName, p.AttachTo)
	}
	f.Fuzz(func(t *testing.T, typ, attachType uint32, section, attachTo string) {
		mustHookOrError(t, &ebpf.ProgramSpec{
			Type: ebpf.ProgramType(typ), AttachType: ebpf.AttachType(attachType), SectionName: section, AttachTo: attachTo,
		})
	})
}

func mustHookOrError(t *testing.T, p *ebpf.ProgramSpec) {
	hook, err := sectionHook(p)
	if (hook == nil) == (err == nil) || hook != nil && hook.String() == "" {
		t.Fatalf("sectionHook(%+v) = %v, %v", p, hook, err)
	}
	spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"prog": p}, Maps: map[string]*ebpf.MapSpec{"socks": sockmap}}
	for _, opts := range []*AttachOptions{
		nil,
		{Interface: "lo", Cgroup: "/", PID: -1, Netfilter: new(Netfilter), Optional: []string{"prog"}, Target: new(ebpf.Program)},
		{Hooks: map[string]Hook{"prog": Fentry{}}},
		{Hooks: map[string]Hook{"prog": Freplace{}}},
		{Skip: []string{"prog"}},
		{LoadOnly: []string{"prog"}},
	} {
		for _, loaded := range []bool{true, false} {
			plan, err := newPlan(spec, opts, loaded)
			switch got := plan.programs[0]; {
			case err != nil:
			case got.hook == nil && got.why == "":
				t.Fatalf("%+v with %+v: neither hook nor reason nor error", p, opts)
			case !loaded:
				plan.retargeted()
			}
		}
	}
}

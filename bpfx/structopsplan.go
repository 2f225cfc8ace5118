package bpfx

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
)

func isStructOps(m *ebpf.MapSpec) bool { return m != nil && m.Type == ebpf.StructOpsMap }

// checkStructOps reports struct_ops maps that the options don't name: leaving
// them out without a word would leave the object half attached.
func (p *plan) checkStructOps() {
	for _, name := range slices.Sorted(maps.Keys(p.spec.Maps)) {
		if isStructOps(p.spec.Maps[name]) && !slices.Contains(p.opts.Skip, name) && !slices.Contains(p.opts.LoadOnly, name) {
			p.complaints = append(p.complaints, complaint{name, fmt.Errorf(
				"struct_ops map %q isn't attached here: use package structops for it, and name it in Skip (or LoadOnly)", name)})
		}
	}
}

// decideStructOps plans for a program of a struct_ops map. It is loaded if all
// of the maps are: which of them it belongs to isn't known here.
func (p *plan) decideStructOps(t *planned, spec *ebpf.ProgramSpec) {
	some := false
	for _, name := range slices.Sorted(maps.Keys(p.spec.Maps)) {
		if isStructOps(p.spec.Maps[name]) {
			some = true
			t.unloaded = t.unloaded || slices.Contains(p.opts.Skip, name)
		}
	}
	t.why = "struct_ops, as its map"
	if !some {
		p.report(t.name, errors.New(notAttached[ebpf.StructOps]+"; name it in LoadOnly or Skip"))
	}
}

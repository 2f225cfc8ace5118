package bpfx

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

func TestRetarget(t *testing.T) {
	for _, tt := range []struct {
		name string
		spec ebpf.ProgramSpec
		hook Hook
		want ebpf.ProgramSpec
	}{
		{
			"function", ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "old"},
			Fentry{Func: "new"}, ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "new"},
		},
		{
			"another type", ebpf.ProgramSpec{Name: "p", Type: ebpf.Kprobe, AttachTo: "f", SectionName: "kprobe/f", Flags: 16},
			Tracepoint{Group: "g", Name: "n"}, ebpf.ProgramSpec{Name: "p", Type: ebpf.TracePoint, SectionName: "kprobe/f", Flags: 16},
		},
		{
			"many functions", ebpf.ProgramSpec{Type: ebpf.Kprobe, AttachTo: "f"},
			KprobeMulti{Pattern: "f*"}, ebpf.ProgramSpec{Type: ebpf.Kprobe, AttachTo: "f", AttachType: ebpf.AttachTraceKprobeMulti},
		},
		{
			"direction", ebpf.ProgramSpec{Type: ebpf.SchedCLS}, TCX{Direction: TCXEgress},
			ebpf.ProgramSpec{Type: ebpf.SchedCLS, AttachType: ebpf.AttachTCXEgress},
		},
		{
			"writable stays", ebpf.ProgramSpec{Type: ebpf.RawTracepointWritable, AttachTo: "a"}, RawTracepoint{Name: "b"},
			ebpf.ProgramSpec{Type: ebpf.RawTracepointWritable, AttachTo: "a"},
		},
		{"no Spec", ebpf.ProgramSpec{Type: ebpf.SocketFilter}, nowhere("x"), ebpf.ProgramSpec{Type: ebpf.SocketFilter}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := tt.spec
			got, err := retarget(&tt.spec, tt.hook)
			if err != nil {
				t.Fatal(err)
			}
			if !equalSpec(*got, tt.want) {
				t.Errorf("retarget() = %+v, want %+v", *got, tt.want)
			}
			if !equalSpec(tt.spec, before) {
				t.Errorf("the spec was changed to %+v", tt.spec)
			}
		})
	}
}

// equalSpec compares what retarget may change, and what it may not.
func equalSpec(a, b ebpf.ProgramSpec) bool {
	return a.Name == b.Name && a.Type == b.Type && a.AttachType == b.AttachType && a.AttachTo == b.AttachTo &&
		a.AttachTarget == b.AttachTarget && a.SectionName == b.SectionName && a.Flags == b.Flags
}

// oddHook is a hook whose Spec is of no use.
type oddHook struct{ spec *ebpf.ProgramSpec }

func (oddHook) String() string                            { return "odd" }
func (oddHook) Attach(*ebpf.Program) (*Attachment, error) { return nil, errNoHook }
func (h oddHook) Spec(asm.Instructions) *ebpf.ProgramSpec { return h.spec }

func TestRetargetRefuses(t *testing.T) {
	for _, h := range []Hook{oddHook{}, oddHook{new(ebpf.ProgramSpec)}, Cgroup{AttachType: ebpf.AttachXDP}} {
		if spec, err := retarget(new(ebpf.ProgramSpec), h); spec != nil || err == nil {
			t.Errorf("retarget(%v) = %v, %v; want an error", h, spec, err)
		}
	}
}

// TestPlanLoaded has hooks that a loaded program can't go to any more.
func TestPlanLoaded(t *testing.T) {
	for _, tt := range []struct {
		section string
		hook    Hook
		want    string // in the error
	}{
		{"fentry/f", Fentry{Func: "f", Cookie: 1}, ""},
		{"fentry/f", Fentry{}, ""},
		{"fentry/f", Fentry{Func: "g"}, `loaded for "f", and the hook needs it for "g": use LoadAndAttach`},
		{"fentry/f", Fexit{Func: "f"}, "loaded for TraceFEntry, and the hook needs it for TraceFExit"},
		{"fentry/f", Kprobe{Symbol: "f"}, "loaded for Tracing, and the hook needs it for Kprobe"},
		{"lsm/f", LSM{Hook: "g"}, `loaded for "f"`},
		{"kprobe/f", Kprobe{Symbol: "g"}, ""},
		{"kprobe/f", Kretprobe{Symbol: "g"}, ""},
		{"kprobe/f", KprobeMulti{Symbols: []string{"g"}}, "needs it for TraceKprobeMulti"},
		{"kprobe.multi/f", KretprobeMulti{Symbols: []string{"g"}}, ""},
		{"tc", TCX{Interface: "lo"}, ""},
		{"tcx/ingress", TCX{Interface: "lo", Direction: TCXEgress}, ""},
		{"raw_tp.w/f", RawTracepoint{Name: "g"}, ""},
		{"freplace/f", Freplace{Func: "g"}, ""},
		{"socket", nowhere("x"), ""},
	} {
		spec := mustParse(t, map[string]string{"p": tt.section})
		_, err := newPlan(spec, &AttachOptions{Hooks: map[string]Hook{"p": tt.hook}}, true)
		switch {
		case tt.want == "" && err == nil:
		case err == nil || tt.want == "" || !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s to %v: %v, want %q", tt.section, tt.hook, err, tt.want)
		}
		if _, err := newPlan(spec, &AttachOptions{Hooks: map[string]Hook{"p": tt.hook}}, false); tt.section != "freplace/f" && strings.Contains(tt.want, "LoadAndAttach") && err != nil {
			t.Errorf("%s to %v before loading: %v", tt.section, tt.hook, err)
		}
	}
}

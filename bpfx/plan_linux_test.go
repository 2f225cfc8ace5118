package bpfx

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlanMatches looks a pattern up once, for checking and for attaching.
func TestPlanMatches(t *testing.T) {
	for section, want := range map[string]Hook{
		"uprobe.multi//proc/self/exe:runtime.mai?":    UprobeMulti{Path: "/proc/self/exe", Symbols: []string{"runtime.main"}},
		"uretprobe.multi//proc/self/exe:runtime.mai?": UretprobeMulti{Path: "/proc/self/exe", Symbols: []string{"runtime.main"}},
		"uprobe.multi//proc/self/exe:runtime.main":    nil,
	} {
		plan, err := newPlan(object(t, map[string]string{"p": section}, nil), nil, false)
		if err != nil {
			t.Fatal(err)
		}
		p := plan.programs[0]
		hook := p.hookIn(nil)
		if m, ok := hook.(matched); ok != (want != nil) || ok && !cmp.Equal(m.place, want) || hook.String() != p.hook.String() {
			t.Errorf("%s: it goes to %v, %#v", section, hook, hook)
		}
	}
}

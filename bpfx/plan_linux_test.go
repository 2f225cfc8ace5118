package bpfx

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlanMatches looks a pattern up once, for checking and for attaching.
func TestPlanMatches(t *testing.T) {
	libc, err := findFile("libc.so.6")
	if err != nil {
		t.Fatal(err)
	}
	for section, want := range map[string]Hook{
		"uprobe.multi/libc.so.6:confst?":    UprobeMulti{Path: libc, Symbols: []string{"confstr"}},
		"uretprobe.multi/libc.so.6:confst?": UretprobeMulti{Path: libc, Symbols: []string{"confstr"}},
		"uprobe.multi/libc.so.6:confstr":    nil,
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

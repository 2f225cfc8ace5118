package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShares(t *testing.T) {
	tests := []struct {
		kernels, items string
		jobs           int
		want           []string
	}{
		{"a", "1", 2, []string{"a: 1"}},
		{"a", "1 2 3", 1, []string{"a: 1 2 3"}},
		{"a", "1 2 3", 2, []string{"a/1: 1 3", "a/2: 2"}},
		{"a", "1 2 3", 9, []string{"a/1: 1", "a/2: 2", "a/3: 3"}},
		{"a b", "1 2", 2, []string{"a: 1 2", "b: 1 2"}},
		{"a b c", "1 2", 2, []string{"a: 1 2", "b: 1 2", "c/1: 1", "c/2: 2"}},
		{"a b", "1 2 3", 3, []string{"a/1: 1", "a/2: 2", "a/3: 3", "b/1: 1", "b/2: 2", "b/3: 3"}},
		{"a", "", 2, []string{"a: "}},
	}
	for _, tt := range tests {
		t.Run(tt.kernels+" "+tt.items, func(t *testing.T) {
			var targets []target
			for _, name := range strings.Fields(tt.kernels) {
				targets = append(targets, target{Label: name})
			}
			var items []Item
			for _, name := range strings.Fields(tt.items) {
				items = append(items, Item{Name: name})
			}
			var got []string
			parts := make([]int, len(targets))
			for _, s := range shares(targets, items, tt.jobs) {
				var names []string
				for _, item := range s.items {
					names = append(names, item.Name)
				}
				got = append(got, s.Label+": "+strings.Join(names, " "))
				parts[s.of]++
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("shares (-want +got):\n%s", diff)
			}
			for _, s := range shares(targets, items, tt.jobs) {
				if s.parts != parts[s.of] {
					t.Errorf("%s: %d parts, want %d", s.Label, s.parts, parts[s.of])
				}
			}
		})
	}
}

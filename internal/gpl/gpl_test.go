package gpl

import "testing"

func TestCompatible(t *testing.T) {
	for licence, want := range map[string]bool{"GPL": true, "Dual MIT/GPL": true, "GPL v3": false, "MIT": false, "gpl": false, "": false} {
		if got := Compatible(licence); got != want {
			t.Errorf("Compatible(%q) = %v, want %v", licence, got, want)
		}
	}
}

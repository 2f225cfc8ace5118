package bpfx

import (
	"cmp"
	"maps"
	"slices"
)

// sortedKeys returns the keys of m in order, so that what loops over it does
// the same from run to run.
func sortedKeys[M ~map[K]V, K cmp.Ordered, V any](m M) []K {
	return slices.Sorted(maps.Keys(m))
}

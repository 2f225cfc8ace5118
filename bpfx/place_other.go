//go:build !linux

package bpfx

// checkPlace leaves it to Attach, which needs Linux.
func checkPlace(Hook) (Hook, error) { return nil, nil }

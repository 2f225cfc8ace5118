//go:build !linux

package bpfx

func removeMemlock() {}

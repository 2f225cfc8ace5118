//go:build !linux

package bpfx

import "github.com/cilium/ebpf"

func removeMemlock() {}

func whyNotPermitted(error, ...ebpf.ProgramType) string { return "" }

func whyNotAttached(error, ebpf.ProgramType) string { return "" }

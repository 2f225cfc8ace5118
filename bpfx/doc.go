// Package bpfx loads, attaches, runs and scopes eBPF programs.
package bpfx

// Package testprogs holds programs for tests: what bpf2go makes of
// testprogs.c.
package testprogs

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cflags "-O2 -Wall -Werror" Testprogs testprogs.c -- -I/usr/include/x86_64-linux-gnu

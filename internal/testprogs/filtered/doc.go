// Package filtered holds programs for tests of filters: what bpf2go makes of
// filtered.c.
package filtered

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cflags "-O2 -Wall -Werror" Filtered filtered.c -- -I/usr/include/x86_64-linux-gnu

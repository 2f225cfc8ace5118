// Package pipeline holds an XDP program of many stages: what bpf2go makes of
// pipeline.c.
package pipeline

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cflags "-O2 -Wall -Werror" Pipeline pipeline.c -- -I/usr/include/x86_64-linux-gnu

// Package router holds the router of the replay example: what bpf2go makes of
// router.c.
package router

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cflags "-O2 -Wall -Werror" Router router.c -- -I/usr/include/x86_64-linux-gnu

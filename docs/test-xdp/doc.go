// Package router is an XDP program and its test. The guide is README.md.
package router

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cflags "-O2 -Wall -Werror" Router router.c -- -I/usr/include/x86_64-linux-gnu

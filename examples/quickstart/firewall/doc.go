// Package firewall holds the firewall of the quickstart example: what bpf2go
// makes of firewall.c.
package firewall

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cflags "-O2 -Wall -Werror" Firewall firewall.c -- -I/usr/include/x86_64-linux-gnu

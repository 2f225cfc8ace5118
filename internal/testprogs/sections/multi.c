//go:build ignore

/* What is attached to many functions at a time, since Linux 5.18. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual MIT/GPL";

SEC("kprobe.multi/inet_dgram_con*")
int many_enter(void *ctx)
{
	return 0;
}

SEC("kretprobe.multi/inet_dgram_connect")
int one_leave(void *ctx)
{
	return 0;
}

//go:build ignore

/* Replaces the function of target.c. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual MIT/GPL";

SEC("freplace/decide")
int deny(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("freplace/decide")
int again(struct xdp_md *ctx)
{
	return XDP_TX;
}

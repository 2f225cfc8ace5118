//go:build ignore

/* A program with a function that another one can replace. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual MIT/GPL";

__attribute__((noinline)) int decide(struct xdp_md *ctx)
{
	volatile int verdict = XDP_PASS;

	return verdict;
}

SEC("xdp")
int ask(struct xdp_md *ctx)
{
	return decide(ctx);
}

//go:build ignore

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual MIT/GPL";

enum stage { IPV4, OTHER, STAGES };

int ipv4(struct xdp_md *ctx);
int other(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, STAGES);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} stages SEC(".maps") = {
	.values = {
		[IPV4] = (void *)&ipv4,
		[OTHER] = (void *)&other,
	},
};

/* Looks at the EtherType and hands on. */
SEC("xdp")
int entry(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		bpf_tail_call_static(ctx, &stages, IPV4);
	else
		bpf_tail_call_static(ctx, &stages, OTHER);
	return XDP_ABORTED; /* the slot was empty */
}

SEC("xdp")
int ipv4(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* The same, but no packet that has come too far. */
SEC("xdp")
int ipv4_v2(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);

	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	return ip->ttl > 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int other(struct xdp_md *ctx)
{
	return XDP_PASS;
}

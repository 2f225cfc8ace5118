//go:build ignore

/* An XDP program of many stages, each of which calls the next by a tail call:
 * the way to more code than the verifier takes in one program, and to changing
 * a part of it while it runs.
 *
 * The entry makes room in front of the packet, where each stage leaves a stamp:
 * its number and its version. A real pipeline would keep such notes in the
 * packet's metadata, and take them off in the end. */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual MIT/GPL";

enum stage { PARSE, VLAN, IPV4, IPV6, TCP, UDP, STAGES };
enum verdict { PASS, DROP, VERDICTS };
enum { ENTRY_STAMP = 14, VERDICT_STAMP = 15 };

#define TELNET 23
#define DNS 53

int parse(struct xdp_md *ctx);
int vlan(struct xdp_md *ctx);
int ipv4(struct xdp_md *ctx);
int ipv6(struct xdp_md *ctx);
int tcp(struct xdp_md *ctx);
int udp(struct xdp_md *ctx);
int pass(struct xdp_md *ctx);
int drop(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, STAGES);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} stages SEC(".maps") = {
	.values = {
		[PARSE] = (void *)&parse,
		[VLAN] = (void *)&vlan,
		[IPV4] = (void *)&ipv4,
		[IPV6] = (void *)&ipv6,
		[TCP] = (void *)&tcp,
		[UDP] = (void *)&udp,
	},
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, VERDICTS);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} verdicts SEC(".maps") = {
	.values = {
		[PASS] = (void *)&pass,
		[DROP] = (void *)&drop,
	},
};

/* What the stages leave in front of the packet. */
struct trace {
	__u8 count;     /* of stamps */
	__u8 offset;    /* of what the next stage reads, from the packet's start */
	__be16 type;    /* of it, as in the Ethernet header */
	__u8 stamp[12]; /* a stage's number and, in the lower half, its version */
};

/* stamp returns the trace, and where the stage reads. */
static __always_inline struct trace *stamp(struct xdp_md *ctx, __u8 stage, __u8 version, void **at, void **end)
{
	struct trace *t = (void *)(long)ctx->data;
	__u32 n;
	__u8 *p;

	*end = (void *)(long)ctx->data_end;
	if ((void *)(t + 1) > *end)
		return 0;
	n = t->count;
	if (n >= sizeof(t->stamp))
		return 0;
	p = t->stamp + n;
	if ((void *)(p + 1) > *end)
		return 0;
	*p = stage << 4 | version;
	t->count = n + 1;
	*at = (void *)(t + 1) + t->offset;
	return t;
}

/* by_type calls the stage for what follows. */
static __always_inline void by_type(struct xdp_md *ctx, __be16 type)
{
	switch (type) {
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD):
		bpf_tail_call(ctx, &stages, VLAN);
		break;
	case bpf_htons(ETH_P_IP):
		bpf_tail_call(ctx, &stages, IPV4);
		break;
	case bpf_htons(ETH_P_IPV6):
		bpf_tail_call(ctx, &stages, IPV6);
		break;
	default:
		bpf_tail_call(ctx, &verdicts, PASS);
	}
}

/* by_protocol calls the stage for what follows an IP header. */
static __always_inline void by_protocol(struct xdp_md *ctx, __u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		bpf_tail_call(ctx, &stages, TCP);
		break;
	case IPPROTO_UDP:
		bpf_tail_call(ctx, &stages, UDP);
		break;
	default:
		bpf_tail_call(ctx, &verdicts, PASS);
	}
}

/* All that is behind a tail call is run only if the slot is empty. */
#define MISSED XDP_ABORTED

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	void *at, *end;
	struct trace *t;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*t)))
		return XDP_ABORTED;
	t = (void *)(long)ctx->data;
	if ((void *)(t + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memset(t, 0, sizeof(*t));
	if (!stamp(ctx, ENTRY_STAMP, 1, &at, &end))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &stages, PARSE);
	return MISSED;
}

SEC("xdp")
int parse(struct xdp_md *ctx)
{
	void *at, *end;
	struct trace *t = stamp(ctx, PARSE, 1, &at, &end);
	struct ethhdr *eth = at;

	if (!t)
		return XDP_ABORTED;
	if ((void *)(eth + 1) > end) {
		bpf_tail_call(ctx, &verdicts, DROP);
		return MISSED;
	}
	t->offset = sizeof(*eth);
	by_type(ctx, eth->h_proto);
	return MISSED;
}

SEC("xdp")
int vlan(struct xdp_md *ctx)
{
	struct header {
		__be16 tci;
		__be16 type;
	} *tag;
	void *at, *end;
	struct trace *t = stamp(ctx, VLAN, 1, &at, &end);

	if (!t)
		return XDP_ABORTED;
	tag = at;
	if ((void *)(tag + 1) > end || t->offset > 40) {
		bpf_tail_call(ctx, &verdicts, DROP);
		return MISSED;
	}
	t->offset += sizeof(*tag);
	by_type(ctx, tag->type);
	return MISSED;
}

SEC("xdp")
int ipv4(struct xdp_md *ctx)
{
	void *at, *end;
	struct trace *t = stamp(ctx, IPV4, 1, &at, &end);
	struct iphdr *ip = at;

	if (!t)
		return XDP_ABORTED;
	if ((void *)(ip + 1) > end || ip->ihl < 5) {
		bpf_tail_call(ctx, &verdicts, DROP);
		return MISSED;
	}
	t->offset += ip->ihl * 4;
	by_protocol(ctx, ip->protocol);
	return MISSED;
}

SEC("xdp")
int ipv6(struct xdp_md *ctx)
{
	void *at, *end;
	struct trace *t = stamp(ctx, IPV6, 1, &at, &end);
	struct ipv6hdr *ip = at;

	if (!t)
		return XDP_ABORTED;
	if ((void *)(ip + 1) > end) {
		bpf_tail_call(ctx, &verdicts, DROP);
		return MISSED;
	}
	t->offset += sizeof(*ip);
	by_protocol(ctx, ip->nexthdr);
	return MISSED;
}

SEC("xdp")
int tcp(struct xdp_md *ctx)
{
	void *at, *end;
	struct trace *t = stamp(ctx, TCP, 1, &at, &end);
	struct tcphdr *header = at;

	if (!t)
		return XDP_ABORTED;
	if ((void *)(header + 1) > end || header->dest == bpf_htons(TELNET))
		bpf_tail_call(ctx, &verdicts, DROP);
	else
		bpf_tail_call(ctx, &verdicts, PASS);
	return MISSED;
}

SEC("xdp")
int udp(struct xdp_md *ctx)
{
	void *at, *end;
	struct trace *t = stamp(ctx, UDP, 1, &at, &end);
	struct udphdr *header = at;

	if (!t)
		return XDP_ABORTED;
	if ((void *)(header + 1) > end)
		bpf_tail_call(ctx, &verdicts, DROP);
	else
		bpf_tail_call(ctx, &verdicts, PASS);
	return MISSED;
}

/* To replace udp: it drops DNS. The question mark keeps it out of the chain
 * until then. */
SEC("?xdp")
int udp_v2(struct xdp_md *ctx)
{
	void *at, *end;
	struct trace *t = stamp(ctx, UDP, 2, &at, &end);
	struct udphdr *header = at;

	if (!t)
		return XDP_ABORTED;
	if ((void *)(header + 1) > end || header->dest == bpf_htons(DNS))
		bpf_tail_call(ctx, &verdicts, DROP);
	else
		bpf_tail_call(ctx, &verdicts, PASS);
	return MISSED;
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	void *at, *end;

	return stamp(ctx, VERDICT_STAMP, PASS, &at, &end) ? XDP_PASS : XDP_ABORTED;
}

SEC("xdp")
int drop(struct xdp_md *ctx)
{
	void *at, *end;

	return stamp(ctx, VERDICT_STAMP, DROP, &at, &end) ? XDP_DROP : XDP_ABORTED;
}

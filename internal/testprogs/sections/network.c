//go:build ignore

/* What needs to be told where: an interface, a cgroup, a map; and what isn't
 * attached by its section name. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} peers SEC(".maps");

int next(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} stages SEC(".maps") = {
	.values = { next },
};

SEC("xdp")
int first(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &stages, 0);
	return XDP_DROP;
}

SEC("xdp")
int next(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("?xdp")
int other(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("tcx/ingress")
int in(struct __sk_buff *skb)
{
	return -1; /* TCX_NEXT */
}

SEC("tcx/egress")
int out(struct __sk_buff *skb)
{
	return -1; /* TCX_NEXT */
}

SEC("cgroup_skb/egress")
int group_out(struct __sk_buff *skb)
{
	return 1;
}

SEC("cgroup/connect4")
int group_connect(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("sockops")
int group_ops(struct bpf_sock_ops *ctx)
{
	return 1;
}

SEC("sk_lookup")
int lookup(struct bpf_sk_lookup *ctx)
{
	return SK_PASS;
}

SEC("flow_dissector")
int dissect(struct __sk_buff *skb)
{
	return BPF_OK;
}

SEC("sk_msg")
int message(struct sk_msg_md *ctx)
{
	return SK_PASS;
}

SEC("sk_skb/stream_parser")
int parse(struct __sk_buff *skb)
{
	return skb->len;
}

SEC("sk_skb/stream_verdict")
int judge(struct __sk_buff *skb)
{
	return SK_PASS;
}

SEC("perf_event")
int sample(void *ctx)
{
	return 0;
}

SEC("netfilter")
int filter(void *ctx)
{
	return 1; /* NF_ACCEPT */
}

SEC("socket")
int raw(struct __sk_buff *skb)
{
	return 0;
}

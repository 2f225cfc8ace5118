//go:build ignore

/* An XDP firewall: it drops IPv4 packets from blocked sources, TCP and UDP
 * packets to blocked ports, and packets that end before their headers do. */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual MIT/GPL";

enum reason { PASSED, BLOCKED_PORT, BLOCKED_SOURCE, TRUNCATED, REASONS };

/* Packets by reason. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, __u64);
} packets SEC(".maps");

/* Destination ports, in host byte order. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u16);
	__type(value, __u8);
} blocked_ports SEC(".maps");

/* IPv4 source addresses, in network byte order. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} blocked_sources SEC(".maps");

struct vlan_header {
	__be16 tci;
	__be16 type;
};

struct ports {
	__be16 source;
	__be16 destination;
};

static __always_inline int count(enum reason reason)
{
	__u32 key = reason;
	__u64 *n = bpf_map_lookup_elem(&packets, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
	return reason == PASSED ? XDP_PASS : XDP_DROP;
}

static __always_inline int transport(void *at, void *end, __u8 protocol)
{
	struct ports *p = at;
	__u16 port;

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return count(PASSED);
	if ((void *)(p + 1) > end)
		return count(TRUNCATED);
	port = bpf_ntohs(p->destination);
	return count(bpf_map_lookup_elem(&blocked_ports, &port) ? BLOCKED_PORT : PASSED);
}

static __always_inline int ipv4(void *at, void *end)
{
	struct iphdr *ip = at;
	__u32 source;

	if ((void *)(ip + 1) > end || ip->ihl < 5 || at + ip->ihl * 4 > end)
		return count(TRUNCATED);
	source = ip->saddr;
	if (bpf_map_lookup_elem(&blocked_sources, &source))
		return count(BLOCKED_SOURCE);
	if (ip->frag_off & bpf_htons(0x1fff)) /* ports are in the first fragment */
		return count(PASSED);
	return transport(at + ip->ihl * 4, end, ip->protocol);
}

static __always_inline int ipv6(void *at, void *end)
{
	struct ipv6hdr *ip = at;

	if ((void *)(ip + 1) > end)
		return count(TRUNCATED);
	return transport(ip + 1, end, ip->nexthdr);
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *at = eth + 1;
	__be16 type;

	if (at > end)
		return count(TRUNCATED);
	type = eth->h_proto;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct vlan_header *vlan = at;

		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > end)
			return count(TRUNCATED);
		type = vlan->type;
		at = vlan + 1;
	}
	if (type == bpf_htons(ETH_P_IP))
		return ipv4(at, end);
	if (type == bpf_htons(ETH_P_IPV6))
		return ipv6(at, end);
	return count(PASSED);
}

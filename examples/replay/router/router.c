//go:build ignore

/* An XDP router. It sends IP packets on with a hop less, answers IPv4 pings
 * itself, drops what is malformed or telnet, and leaves the rest to the network
 * stack: ARP, neighbour discovery, and packets whose last hop this is. */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual MIT/GPL";

#define TELNET 23
#define ECHO_REPLY 0
#define ECHO_REQUEST 8
#define FRAGMENT_OFFSET 0x1fff
#define MORE_FRAGMENTS 0x2000

/* The index of the interface that packets leave by. */
const volatile __u32 out_ifindex = 1;

struct icmp_header {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be16 id;
	__be16 sequence;
};

struct vlan_header {
	__be16 tci;
	__be16 type;
};

static __always_inline void swap_ethernet(struct ethhdr *eth)
{
	struct ethhdr in = *eth;

	__builtin_memcpy(eth->h_dest, in.h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, in.h_dest, ETH_ALEN);
}

/* Mends a checksum after a 16-bit word has grown by what, RFC 1624. */
static __always_inline void mend(__sum16 *sum, __be16 what)
{
	__u32 s = (__u16)~*sum + (__u32)what;

	*sum = ~((s & 0xffff) + (s >> 16));
}

static __always_inline int forward(struct ethhdr *eth)
{
	swap_ethernet(eth);
	return bpf_redirect(out_ifindex, 0);
}

static __always_inline int telnet(void *at, void *end)
{
	struct tcphdr *tcp = at;

	return (void *)(tcp + 1) > end || tcp->doff < 5 || tcp->dest == bpf_htons(TELNET);
}

static __always_inline int answer(struct ethhdr *eth, struct iphdr *ip, struct icmp_header *icmp)
{
	__be32 source = ip->saddr;

	icmp->type = ECHO_REPLY;
	mend(&icmp->checksum, bpf_htons(0xffff - (ECHO_REQUEST << 8))); /* minus the old type */
	ip->saddr = ip->daddr;
	ip->daddr = source;
	swap_ethernet(eth);
	return XDP_TX;
}

static __always_inline int ipv4(struct ethhdr *eth, void *at, void *end)
{
	struct iphdr *ip = at;
	struct icmp_header *icmp;
	__u32 header;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return XDP_DROP;
	header = ip->ihl * 4;
	at += header;
	if (at > end || bpf_ntohs(ip->tot_len) < header || bpf_ntohs(ip->tot_len) > end - (void *)ip)
		return XDP_DROP;
	if (!(ip->frag_off & bpf_htons(FRAGMENT_OFFSET | MORE_FRAGMENTS))) {
		icmp = at;
		if (ip->protocol == IPPROTO_ICMP && (void *)(icmp + 1) <= end && icmp->type == ECHO_REQUEST)
			return answer(eth, ip, icmp);
		if (ip->protocol == IPPROTO_TCP && telnet(at, end))
			return XDP_DROP;
	}
	if (ip->ttl <= 1)
		return XDP_PASS; /* the stack tells the sender */
	ip->ttl--;
	mend(&ip->check, bpf_htons(0xffff - (1 << 8)));
	return forward(eth);
}

static __always_inline int ipv6(struct ethhdr *eth, void *at, void *end)
{
	struct ipv6hdr *ip = at;
	void *next = ip + 1;

	if (next > end || ip->version != 6 || bpf_ntohs(ip->payload_len) > end - next)
		return XDP_DROP;
	if (ip->nexthdr == IPPROTO_TCP && telnet(next, end))
		return XDP_DROP;
	if (ip->hop_limit <= 1 || ip->hop_limit == 255 || ip->nexthdr == IPPROTO_HOPOPTS)
		return XDP_PASS; /* 255: neighbour discovery */
	ip->hop_limit--;
	return forward(eth);
}

SEC("xdp")
int router(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *at = eth + 1;
	__be16 type;

	if (at > end)
		return XDP_DROP;
	type = eth->h_proto;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct vlan_header *vlan = at;

		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > end)
			return XDP_DROP;
		type = vlan->type;
		at = vlan + 1;
	}
	if (type == bpf_htons(ETH_P_IP))
		return ipv4(eth, at, end);
	if (type == bpf_htons(ETH_P_IPV6))
		return ipv6(eth, at, end);
	return XDP_PASS;
}

//go:build ignore

/* A TCP congestion control of additive increase and multiplicative decrease:
 * what aimd.go is, in C. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

/* Of the kernel's structs the fields that are used: CO-RE finds them. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sock;
struct tcp_sock {
	__u32 snd_cwnd;
	__u32 snd_cwnd_cnt;
	__u32 snd_cwnd_clamp;
	__u32 snd_ssthresh;
	__u32 prior_cwnd;
	__u32 max_packets_out;
};
#pragma clang attribute pop

struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*init)(struct sock *sk);
	void (*release)(struct sock *sk);
	char name[16];
};

enum callback { INIT, SSTHRESH, CONG_AVOID, UNDO_CWND, RELEASE, CALLBACKS };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CALLBACKS);
	__type(key, __u32);
	__type(value, __u64);
} calls SEC(".maps");

static __always_inline void count(__u32 callback)
{
	__u64 *n = bpf_map_lookup_elem(&calls, &callback);

	if (n)
		__sync_fetch_and_add(n, 1);
}

SEC("struct_ops")
void BPF_PROG(aimd_init, struct sock *sk)
{
	count(INIT);
}

SEC("struct_ops")
void BPF_PROG(aimd_release, struct sock *sk)
{
	count(RELEASE);
}

SEC("struct_ops")
__u32 BPF_PROG(aimd_ssthresh, struct sock *sk)
{
	__u32 half = ((struct tcp_sock *)sk)->snd_cwnd / 2;

	count(SSTHRESH);
	return half < 2 ? 2 : half;
}

SEC("struct_ops")
__u32 BPF_PROG(aimd_undo_cwnd, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 cwnd = tp->snd_cwnd, prior = tp->prior_cwnd;

	count(UNDO_CWND);
	return cwnd > prior ? cwnd : prior;
}

SEC("struct_ops")
void BPF_PROG(aimd_cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 cwnd = tp->snd_cwnd, clamp = tp->snd_cwnd_clamp, cnt;

	count(CONG_AVOID);
	if (cwnd >= 2 * tp->max_packets_out)
		return; /* what isn't used need not grow */
	if (cwnd < tp->snd_ssthresh) {
		cwnd += acked; /* slow start */
	} else {
		cnt = tp->snd_cwnd_cnt + acked;
		if (cnt >= cwnd) {
			cnt -= cwnd;
			cwnd++;
		}
		tp->snd_cwnd_cnt = cnt;
	}
	tp->snd_cwnd = cwnd < clamp ? cwnd : clamp;
}

SEC(".struct_ops.link")
struct tcp_congestion_ops aimd = {
	.init = (void *)aimd_init,
	.release = (void *)aimd_release,
	.ssthresh = (void *)aimd_ssthresh,
	.undo_cwnd = (void *)aimd_undo_cwnd,
	.cong_avoid = (void *)aimd_cong_avoid,
	.name = "bpfx_aimd_c",
};

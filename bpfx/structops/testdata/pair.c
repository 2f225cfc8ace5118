/* Congestion controls for tests: two variables of one type with programs of
 * their own, one without a link, and one of a struct that no kernel has. */

typedef unsigned char __u8;
typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))

struct sock;

struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*init)(struct sock *sk);
	__u32 flags;
	char name[16];
};

struct tcp_congestion_ops___future {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*teleport)(struct sock *sk);
	__u64 warp;
	char name[16];
};

__u32 inits;

SEC("struct_ops/ssthresh") __u32 alpha_ssthresh(__u64 *ctx) { return 11; }
SEC("struct_ops/ssthresh") __u32 beta_ssthresh(__u64 *ctx) { return 22; }
SEC("struct_ops") void both_cong_avoid(__u64 *ctx) {}
SEC("struct_ops/undo") __u32 alpha_undo(__u64 *ctx) { return 11; }
#ifdef PLAIN
/* Static functions are named by their section and place only. */
static
#endif
SEC("struct_ops/undo") __u32 beta_undo(__u64 *ctx) { return 22; }
SEC("struct_ops/init") void beta_init(__u64 *ctx) { __sync_fetch_and_add(&inits, 1); }
SEC("struct_ops/unused") __u32 unused(__u64 *ctx) { return 33; }

SEC(".struct_ops.link") struct tcp_congestion_ops alpha = {
	.ssthresh = (void *)alpha_ssthresh,
	.cong_avoid = (void *)both_cong_avoid,
	.undo_cwnd = (void *)alpha_undo,
	.name = "bpfx_pair",
};

SEC(".struct_ops.link") struct tcp_congestion_ops beta = {
	.ssthresh = (void *)beta_ssthresh,
	.cong_avoid = (void *)both_cong_avoid,
	.undo_cwnd = (void *)beta_undo,
	.init = (void *)beta_init,
	.flags = 1,
	.name = "bpfx_pair",
};

#ifdef PLAIN
SEC(".struct_ops") struct tcp_congestion_ops plain = {
	.ssthresh = (void *)alpha_ssthresh,
	.cong_avoid = (void *)both_cong_avoid,
	.undo_cwnd = (void *)beta_undo,
	.name = "bpfx_plain",
};

SEC(".struct_ops.link") struct tcp_congestion_ops___future zero = {
	.ssthresh = (void *)beta_ssthresh,
	.cong_avoid = (void *)both_cong_avoid,
	.undo_cwnd = (void *)beta_undo,
	.name = "bpfx_future",
};

SEC(".struct_ops.link") struct tcp_congestion_ops___future warped = {
	.ssthresh = (void *)beta_ssthresh,
	.cong_avoid = (void *)both_cong_avoid,
	.undo_cwnd = (void *)beta_undo,
	.teleport = (void *)beta_init,
	.warp = 9,
	.name = "bpfx_future",
};
#endif

char _license[] SEC("license") = "GPL";

//go:build ignore

/* Programs for tests of what puts instructions before others: each has
 * something in its first instruction, or functions, that must stay right. They
 * are of a type that can be run without being attached. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char __license[] SEC("license") = "Dual MIT/GPL";

struct bpf_map;

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

__u64 runs;

/* The first instruction is a CO-RE relocation. */
SEC("raw_tp")
int core(void *ctx)
{
	return bpf_core_field_size(struct task_struct, pid) + 1000;
}

/* The first instruction refers to a map. */
SEC("raw_tp")
int global(void *ctx)
{
	return ++runs;
}

static __attribute__((noinline)) __u64 add(__u64 a, __u64 b)
{
	return a + 3 * b;
}

__attribute__((noinline)) int twice(int a)
{
	return add(a, a);
}

/* Calls of a static and of a global function, with a loop. */
SEC("raw_tp")
int calls(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 sum = add(ctx->args[0], ctx->args[1]);

#pragma clang loop unroll(disable)
	for (int i = 0; i < 5; i++)
		sum += twice(sum & 0xff);
	return sum;
}

static long sum_up(struct bpf_map *map, __u32 *key, __u64 *value, __u64 *sum)
{
	*sum += *value + *key;
	return 0;
}

/* A callback. */
SEC("raw_tp")
int callback(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 sum = ctx->args[0];

	bpf_for_each_map_elem(&numbers, sum_up, &sum, 0);
	return sum;
}

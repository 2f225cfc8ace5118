//go:build ignore

/* What is attached by a perf event, and has a link since Linux 5.15. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual MIT/GPL";

SEC("kprobe/inet_dgram_connect")
int connect_enter(void *ctx)
{
	return 0;
}

SEC("kretprobe/inet_dgram_connect")
int connect_leave(void *ctx)
{
	return 0;
}

SEC("ksyscall/getpgid")
int getpgid_enter(void *ctx)
{
	return 0;
}

SEC("kretsyscall/getpgid")
int getpgid_leave(void *ctx)
{
	return 0;
}

SEC("tracepoint/sched/sched_process_fork")
int fork(void *ctx)
{
	return 0;
}

SEC("tp/sched/sched_process_exec")
int exec(void *ctx)
{
	return 0;
}

/* getconf calls it. */
SEC("uprobe/libc.so.6:confstr")
int confstr_enter(void *ctx)
{
	return 0;
}

SEC("uretprobe/libc.so.6:confstr")
int confstr_leave(void *ctx)
{
	return 0;
}

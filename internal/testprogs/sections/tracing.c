//go:build ignore

/* What is attached by a raw tracepoint or a trampoline, and has a link since
 * Linux 5.7. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual MIT/GPL";

SEC("raw_tp/sched_process_fork")
int raw_fork(void *ctx)
{
	return 0;
}

SEC("raw_tracepoint/sched_process_exec")
int raw_exec(void *ctx)
{
	return 0;
}

SEC("tp_btf/sched_process_fork")
int btf_fork(void *ctx)
{
	return 0;
}

SEC("fentry/inet_dgram_connect")
int enter(void *ctx)
{
	return 0;
}

SEC("fexit/inet_dgram_connect")
int leave(void *ctx)
{
	return 0;
}

SEC("fmod_ret/security_socket_connect")
int permit(void *ctx)
{
	return 0;
}

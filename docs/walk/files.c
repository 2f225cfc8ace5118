//go:build ignore

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual MIT/GPL";

/* What is read of the kernel's structures; where it is there, the loader finds out. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct task_struct {
	int tgid;
};
struct inode {
	unsigned short i_mode;
};
struct file {
	struct inode *f_inode;
	long long f_pos;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
#pragma clang attribute pop

struct record {
	__u32 pid;
	__u32 fd;
	__u64 position;
	__u32 mode;
	__u32 unused;
};

/* Writes a record for each open file of each task. */
SEC("iter/task_file")
int files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct record r = {};

	if (!task || !file)
		return 0; /* the call after the last */
	r.pid = task->tgid;
	r.fd = ctx->fd;
	r.position = file->f_pos;
	r.mode = file->f_inode->i_mode;
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

// Package iter reads what the kernel knows of tasks, maps, sockets and the like
// through BPF iterators: programs that the kernel calls with each object of a
// kind, and whose output is read from a file. Text in /proc tells less, has to be
// parsed by hand and takes longer (Tasks in bench/results.txt says how much).
//
// [Targets] says what the kernel at hand can iterate over, [Load] loads a
// program for a target, [Open] makes an [Iterator] of it, over all objects or
// only those that [Options] name, and [Records] reads what the program wrote as
// values of a Go type:
//
//	p, err := bpfiter.Load("task", insns)
//	...
//	it, err := bpfiter.Open(p, &bpfiter.Options{Task: bpfiter.Task{PID: 1}})
//	...
//	for r, err := range bpfiter.Records[record](it) {
//
// The standard library has a package iter too: import this one under another
// name, as bpfiter here.
//
// Requires Linux 5.9 with BTF (BPF Type Format), and CAP_BPF and CAP_PERFMON or
// CAP_SYS_ADMIN. Other systems build, and opening returns an error wrapping
// [ebpf.ErrNotSupported].
package iter

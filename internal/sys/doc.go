// Package sys makes the bpf(2) calls that cilium/ebpf has no way to make.
//
// Each call names the member of union bpf_attr it fills, from the kernel's
// include/uapi/linux/bpf.h. Everything else goes through cilium/ebpf.
package sys

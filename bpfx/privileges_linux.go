package bpfx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// removeMemlock lifts RLIMIT_MEMLOCK once, on kernels that hold BPF memory
// against it (before 5.11). If that fails it may still be high enough; if it
// is not, whyNotPermitted says so.
var removeMemlock = sync.OnceFunc(func() { _ = rlimit.RemoveMemlock() })

// whyNotPermitted returns the cause of an EPERM of a load, as far as this
// process can find it out: a capability that it lacks or, on old kernels, its
// memlock limit. It returns "" for other errors and if everything seems in
// order.
func whyNotPermitted(err error, types ...ebpf.ProgramType) string {
	if !errors.Is(err, unix.EPERM) {
		return ""
	}
	if why := whatIsMissing(types); why != "" {
		return why
	}
	var limit unix.Rlimit
	if kernelBefore(5, 11) && unix.Prlimit(0, unix.RLIMIT_MEMLOCK, nil, &limit) == nil && limit.Cur != unix.RLIM_INFINITY {
		return fmt.Sprintf("RLIMIT_MEMLOCK is %d bytes, which counts on kernels before 5.11: raise it with ulimit -l", limit.Cur)
	}
	return ""
}

// whyNotAttached is whyNotPermitted for attaching. Perf events say EACCES.
func whyNotAttached(err error, typ ebpf.ProgramType) string {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return ""
	}
	return whatIsMissing([]ebpf.ProgramType{typ})
}

// whatIsMissing returns which capabilities the process lacks, "" if none.
func whatIsMissing(types []ebpf.ProgramType) string {
	missing := missingCapabilities(types)
	if len(missing) == 0 {
		return ""
	}
	return "this process lacks " + strings.Join(missing, ", ") + ": run it as root"
}

// kernelBefore reports whether the kernel is known to be older.
func kernelBefore(major, minor uint32) bool {
	version, err := features.LinuxVersionCode()
	return err == nil && version < major<<16|minor<<8
}

// missingCapabilities returns those that the process lacks of the ones that
// programs of these types take (kernel/bpf/syscall.c, bpf_prog_load).
func missingCapabilities(types []ebpf.ProgramType) []string {
	have, err := capabilities()
	if err != nil || have&(1<<unix.CAP_SYS_ADMIN) != 0 {
		return nil
	}
	if kernelBefore(5, 8) {
		return []string{"CAP_SYS_ADMIN"}
	}
	var missing []string
	need := func(bit int, name string) {
		if have&(1<<bit) == 0 && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	need(unix.CAP_BPF, "CAP_BPF")
	for _, t := range types {
		switch t {
		case ebpf.Kprobe, ebpf.TracePoint, ebpf.PerfEvent, ebpf.RawTracepoint,
			ebpf.RawTracepointWritable, ebpf.Tracing, ebpf.LSM:
			need(unix.CAP_PERFMON, "CAP_PERFMON")
		case ebpf.SocketFilter, ebpf.Syscall:
		default:
			need(unix.CAP_NET_ADMIN, "CAP_NET_ADMIN")
		}
	}
	return missing
}

// capabilities returns the effective capabilities of the calling thread, one
// bit each.
func capabilities() (uint64, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0, err
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective), nil
}

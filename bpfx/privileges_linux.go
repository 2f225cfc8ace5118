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

// whyNotPermitted returns the cause of an EPERM, as far as this process can
// find it out: a capability that it lacks or, on old kernels, its memlock
// limit. It returns "" for other errors and if everything seems in order.
func whyNotPermitted(err error, types []ebpf.ProgramType) string {
	if !errors.Is(err, unix.EPERM) {
		return ""
	}
	version, verr := features.LinuxVersionCode()
	if verr != nil {
		return ""
	}
	if missing := missingCapabilities(version, types); len(missing) > 0 {
		return "this process lacks " + strings.Join(missing, ", ") + ": run it as root"
	}
	var limit unix.Rlimit
	if version < 5<<16|11<<8 && unix.Prlimit(0, unix.RLIMIT_MEMLOCK, nil, &limit) == nil && limit.Cur != unix.RLIM_INFINITY {
		return fmt.Sprintf("RLIMIT_MEMLOCK is %d bytes, which counts on kernels before 5.11: raise it with ulimit -l", limit.Cur)
	}
	return ""
}

// missingCapabilities returns those that the process lacks of the ones that
// loading programs of these types takes (kernel/bpf/syscall.c, bpf_prog_load).
func missingCapabilities(version uint32, types []ebpf.ProgramType) []string {
	have, err := capabilities()
	if err != nil || have&(1<<unix.CAP_SYS_ADMIN) != 0 {
		return nil
	}
	if version < 5<<16|8<<8 {
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

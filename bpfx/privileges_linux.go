package bpfx

import (
	"errors"
	"os"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/sys"
)

// removeMemlock lifts RLIMIT_MEMLOCK once, on kernels that hold BPF memory
// against it (before 5.11). If that fails it may still be high enough; if it
// is not, [Explain] says so.
var removeMemlock = sync.OnceFunc(func() { _ = rlimit.RemoveMemlock() })

// privileges are what a thread may do. They are read where an error happens:
// the next thread may have others.
type privileges struct {
	effective uint64 // capabilities, one bit each
	userns    string // the user namespace that they are valid in, as in /proc/self/ns/user; "" if unknown
	memlock   uint64 // RLIMIT_MEMLOCK in bytes
	noBPF     bool   // bpf(2) refuses what takes no capability; of attaching only
	noPerf    bool   // so does perf_event_open(2)
}

// currentPrivileges returns those of the calling thread. known is false if the
// kernel doesn't tell.
func currentPrivileges() (p privileges, known bool) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) != nil {
		return p, false
	}
	p.effective = uint64(data[1].Effective)<<32 | uint64(data[0].Effective)
	p.userns, _ = os.Readlink("/proc/thread-self/ns/user")
	p.memlock = unix.RLIM_INFINITY
	var limit unix.Rlimit
	if unix.Prlimit(0, unix.RLIMIT_MEMLOCK, nil, &limit) == nil {
		p.memlock = limit.Cur
	}
	return p, true
}

// askAround has p know what the kernel refuses the calling thread although it
// takes nothing but a descriptor of a program.
func (p *privileges) askAround(prog int) {
	_, err := sys.ProgID(prog)
	p.noBPF = errors.Is(err, unix.EPERM)
	attr := unix.PerfEventAttr{ // counts nothing
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_DUMMY, Size: unix.PERF_ATTR_SIZE_VER1,
		Bits: unix.PerfBitDisabled | unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv,
	}
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	p.noPerf = errors.Is(err, unix.EACCES)
}

func (p privileges) has(capability int) bool { return p.effective&(1<<capability) != 0 }

// initialUserns is the user namespace that the machine boots with
// (include/linux/proc_ns.h, PROC_USER_INIT_INO).
const initialUserns = "user:[4026531837]"

// inUserns reports whether p is worth nothing outside a user namespace.
func (p privileges) inUserns() bool { return p.userns != "" && p.userns != initialUserns }

// lacks returns those capabilities that p lacks of the ones that loading
// programs of these types takes (kernel/bpf/syscall.c, bpf_prog_load). old
// says that the kernel is older than 5.8, unprivileged that everybody may load
// programs of the harmless types.
func (p privileges) lacks(types []ebpf.ProgramType, old, unprivileged bool) []string {
	if p.has(unix.CAP_SYS_ADMIN) {
		return nil
	}
	var missing []string
	need := func(bit int, name string) {
		if !p.has(bit) && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	for _, t := range types {
		if unprivileged && isHarmless(t) {
			continue
		}
		if old {
			return []string{"CAP_SYS_ADMIN"}
		}
		need(unix.CAP_BPF, "CAP_BPF")
		switch t {
		case ebpf.Kprobe, ebpf.TracePoint, ebpf.PerfEvent, ebpf.RawTracepoint,
			ebpf.RawTracepointWritable, ebpf.Tracing, ebpf.LSM, ebpf.StructOps:
			need(unix.CAP_PERFMON, "CAP_PERFMON")
		case ebpf.Extension:
			need(unix.CAP_PERFMON, "CAP_PERFMON")
			need(unix.CAP_NET_ADMIN, "CAP_NET_ADMIN")
		case ebpf.SocketFilter, ebpf.CGroupSKB, ebpf.SkReuseport, ebpf.SkLookup, ebpf.Syscall:
		default:
			need(unix.CAP_NET_ADMIN, "CAP_NET_ADMIN")
		}
	}
	if len(types) == 0 && !old && !unprivileged { // maps
		need(unix.CAP_BPF, "CAP_BPF")
	}
	return missing
}

// isHarmless reports whether programs of a type may be loaded by everybody
// unless kernel.unprivileged_bpf_disabled is set.
func isHarmless(t ebpf.ProgramType) bool { return t == ebpf.SocketFilter || t == ebpf.CGroupSKB }

package bpfx

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// unprivilegedFile is 0 if everybody may load programs of the harmless types.
const unprivilegedFile = "/proc/sys/kernel/unprivileged_bpf_disabled"

// loadNotPermitted explains EPERM of loading programs of these types. It
// returns nil if everything that can be checked is in order.
func (m *machine) loadNotPermitted(p privileges, types []ebpf.ProgramType) *finding {
	if f := m.lacksPrivileges(p, types); f != nil {
		return f
	}
	if m.before("5.11") && p.memlock != unix.RLIM_INFINITY {
		return &finding{
			why:      fmt.Sprintf("RLIMIT_MEMLOCK is %d bytes, which counts on kernels before 5.11", p.memlock),
			evidence: []string{"/proc/sys/kernel/osrelease: " + m.release()},
			remedy:   "raise it with ulimit -l, LimitMEMLOCK= of systemd, or CAP_SYS_RESOURCE",
		}
	}
	return nil
}

// lacksPrivileges explains EPERM and EACCES by what p lacks, nil if nothing.
func (m *machine) lacksPrivileges(p privileges, types []ebpf.ProgramType) *finding {
	disabled, known := m.read(unprivilegedFile)
	disabled = strings.TrimSpace(disabled)
	unprivileged := !known || disabled == "0" // unknown: nothing can be said of harmless types
	harmless := len(types) > 0 && !slices.ContainsFunc(types, func(t ebpf.ProgramType) bool { return !isHarmless(t) })
	missing := p.lacks(types, m.before("5.8"), unprivileged)
	if len(missing) == 0 && harmless && unprivileged {
		return nil
	}
	f := p.without(missing...)
	if len(missing) > 0 && harmless { // so everybody could, were it not disabled
		f.why += ", and unprivileged BPF is disabled"
		f.evidence = append(f.evidence, unprivilegedFile+": "+disabled)
	}
	return f
}

// without explains what fails for want of capabilities: of these or, if there
// are none, of the initial user namespace's. nil if p has those.
func (p privileges) without(missing ...string) *finding {
	switch {
	case len(missing) > 0:
		list := strings.Join(missing, ", ")
		return &finding{
			why:      "this process lacks " + list,
			evidence: []string{fmt.Sprintf("capget: the effective capabilities are %#x", p.effective)},
			remedy:   "run it as root, or give it " + list,
		}
	case p.inUserns():
		return &finding{
			why:      "this process has its capabilities in a user namespace only, BPF takes those of the initial one",
			evidence: []string{"/proc/thread-self/ns/user: " + p.userns},
			remedy:   "run it outside the user namespace, or in a container that isn't rootless",
		}
	}
	return nil
}

// lacksOne explains what takes one capability, or CAP_SYS_ADMIN. nil if p has
// it.
func (p privileges) lacksOne(capability int, name string) *finding {
	if p.has(capability) || p.has(unix.CAP_SYS_ADMIN) {
		return p.without()
	}
	return p.without(name)
}

// attachNotPermitted explains EPERM and EACCES of attaching to a kind of hook.
// Few kinds ask for more than the descriptor of a program.
func (m *machine) attachNotPermitted(p privileges, kind string, err error) *finding {
	var path *fs.PathError
	if errors.As(err, &path) {
		return m.fileNotPermitted(path) // a file's owner and mode decide
	}
	if p.noBPF && m.before("5.19") {
		if f := m.noBPF(p); f != nil {
			return f
		}
	}
	if free, ok := perfHooks[kind]; ok {
		if f := m.noPerfEvents(p, strings.HasPrefix(kind, "u"), free); f != nil {
			return f
		}
	}
	switch kind {
	case "kprobe", "kretprobe":
		return m.lockedDown("confidentiality", "kprobes") // kernel/trace/trace_kprobe.c, LOCKDOWN_KPROBES
	case "cgroup_skb/ingress", "cgroup_skb/egress": // kernel/bpf/syscall.c, bpf_prog_attach_check_attach_type
		return p.lacksOne(unix.CAP_NET_ADMIN, "CAP_NET_ADMIN")
	}
	return nil
}

// noBPF explains that bpf(2) refuses whatever it is asked, as it does before
// Linux 5.19 (kernel/bpf/syscall.c, __sys_bpf).
func (m *machine) noBPF(p privileges) *finding {
	disabled, known := m.read(unprivilegedFile)
	if disabled = strings.TrimSpace(disabled); !known || disabled == "0" {
		return nil
	}
	capability, name := unix.CAP_BPF, "CAP_BPF"
	if m.before("5.8") {
		capability, name = unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"
	}
	f := p.lacksOne(capability, name)
	if f != nil {
		f.evidence = append(f.evidence, unprivilegedFile+": "+disabled)
	}
	return f
}

// paranoidFile says what perf events take capabilities
// (Documentation/admin-guide/sysctl/kernel.rst).
const paranoidFile = "/proc/sys/kernel/perf_event_paranoid"

// perfHooks are the kinds of hooks that are made of perf events, and the
// highest value of paranoidFile that leaves them to everybody: of the whole
// system, with what is traced in them, or of their own CPUs
// (kernel/trace/trace_event_perf.c, kernel/events/core.c).
var perfHooks = map[string]int{
	"kprobe": never, "kretprobe": never, "uprobe": never, "uretprobe": never, "tracepoint": -1, "perf_event": 0,
}

const never = math.MinInt

// noPerfEvents explains that a perf event can't be opened that everybody may
// if paranoidFile is free or less.
func (m *machine) noPerfEvents(p privileges, uprobe bool, free int) *finding {
	text, _ := m.read(paranoidFile)
	level, err := strconv.Atoi(strings.TrimSpace(text))
	seen := fmt.Sprintf("%s: %d", paranoidFile, level)
	switch {
	case err == nil && level > 2 && p.noPerf && !p.has(unix.CAP_SYS_ADMIN):
		// Not of upstream kernels. Debian's want CAP_SYS_ADMIN.
		return &finding{
			why:      fmt.Sprintf("kernel.perf_event_paranoid is %d, which keeps this process from perf events", level),
			evidence: []string{seen, "perf_event_open(2) refuses an event of the process alone, without the kernel"},
			remedy:   "run it as root, or give it CAP_SYS_ADMIN",
		}
	case free != never && (err != nil || level <= free):
		return nil
	case m.before("5.8"), uprobe && p.has(unix.CAP_PERFMON):
		// Newer kernels, such as 6.18, want it for uprobes
		// (kernel/events/core.c, perf_uprobe_event_init).
		return p.lacksOne(unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN")
	}
	f := p.lacksOne(unix.CAP_PERFMON, "CAP_PERFMON")
	switch {
	case f == nil:
	case uprobe && !p.has(unix.CAP_SYS_ADMIN):
		f.why = "this process lacks CAP_SYS_ADMIN, and CAP_PERFMON, which is enough for uprobes on older kernels"
		f.remedy = "run it as root, or give it CAP_SYS_ADMIN"
	case free != never:
		f.evidence = append(f.evidence, seen)
	}
	return f
}

// fileNotPermitted explains why a file of tracefs can't be opened: nobody can
// while the kernel is locked down.
func (m *machine) fileNotPermitted(err *fs.PathError) *finding {
	dir, _ := m.tracefs()
	if dir == "" || !strings.HasPrefix(err.Path, dir) || !errors.Is(err, unix.EPERM) {
		return nil
	}
	return m.lockedDown("confidentiality", "tracefs") // LOCKDOWN_TRACEFS
}

// lockdownFile has the level of lockdown in brackets.
const lockdownFile = "/sys/kernel/security/lockdown"

// lockedDown is the cause of what kernels refuse that are locked down to level
// or further: "integrity" or "confidentiality". It returns nil if this one
// isn't, or doesn't tell.
func (m *machine) lockedDown(level, what string) *finding {
	text, ok := m.read(lockdownFile)
	_, text, _ = strings.Cut(text, "[")
	got, _, found := strings.Cut(text, "]")
	if !ok || !found || got != "confidentiality" && got != level {
		return nil
	}
	return &finding{
		why:      fmt.Sprintf("this kernel is locked down (%s), which forbids %s", got, what),
		evidence: []string{lockdownFile + ": " + got},
		remedy:   "boot without lockdown: without lockdown= on the kernel's command line, or without secure boot",
	}
}

// lockedHelpers are the helpers that lockdown takes away, by its level
// (kernel/trace/bpf_trace.c; include/linux/security.h, LOCKDOWN_BPF_*).
var lockedHelpers = map[string]string{
	"bpf_probe_read":            "confidentiality",
	"bpf_probe_read_str":        "confidentiality",
	"bpf_probe_read_kernel":     "confidentiality",
	"bpf_probe_read_kernel_str": "confidentiality",
	"bpf_probe_write_user":      "integrity",
}

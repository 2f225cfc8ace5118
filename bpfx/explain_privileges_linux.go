package bpfx

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
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
	if len(missing) == 0 {
		if !p.inUserns() || harmless && unprivileged {
			return nil
		}
		return &finding{
			why:      "this process has its capabilities in a user namespace only, BPF takes those of the initial one",
			evidence: []string{"/proc/thread-self/ns/user: " + p.userns},
			remedy:   "run it outside the user namespace, or in a container that isn't rootless",
		}
	}
	list := strings.Join(missing, ", ")
	f := &finding{
		why:      "this process lacks " + list,
		evidence: []string{fmt.Sprintf("capget: the effective capabilities are %#x", p.effective)},
		remedy:   "run it as root, or give it " + list,
	}
	if harmless { // so everybody could, were it not disabled
		f.why += ", and unprivileged BPF is disabled"
		f.evidence = append(f.evidence, unprivilegedFile+": "+disabled)
	}
	return f
}

// attachNotPermitted explains EPERM and EACCES of attaching a program of a
// type to a kind of hook.
func (m *machine) attachNotPermitted(p privileges, typ ebpf.ProgramType, kind string, err error) *finding {
	var path *fs.PathError
	if errors.As(err, &path) {
		return m.fileNotPermitted(path) // a file's owner and mode decide
	}
	if f := m.lacksPrivileges(p, []ebpf.ProgramType{typ}); f != nil {
		return f
	}
	if strings.HasPrefix(kind, "kprobe") || strings.HasPrefix(kind, "kretprobe") {
		return m.lockedDown("confidentiality", "kprobes") // kernel/trace/trace_kprobe.c, LOCKDOWN_KPROBES
	}
	return nil
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

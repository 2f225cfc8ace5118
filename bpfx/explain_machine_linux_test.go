package bpfx

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/mounts"
	"github.com/bpfx/go/internal/nearest"
)

// fake is a machine: its files by path, with text.
type fake map[string]string

// with returns f with more files; "" takes one away.
func (f fake) with(pairs ...string) fake {
	out := fake{}
	for k, v := range f {
		out[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		if out[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
			delete(out, pairs[i])
		}
	}
	return out
}

// rawBTF returns BTF of functions.
func rawBTF(functions ...string) string {
	var types []btf.Type
	for _, name := range functions {
		types = append(types, &btf.Func{Name: name, Type: &btf.FuncProto{Return: &btf.Void{}}})
	}
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		panic(err)
	}
	raw, err := b.Marshal(nil, nil)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func (f fake) machine(t *testing.T) *machine {
	t.Helper()
	root := fstest.MapFS{}
	for path, text := range f {
		data := []byte(text)
		if strings.HasSuffix(path, ".gz") {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			z.Write(data)
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			data = b.Bytes()
		}
		root[strings.TrimPrefix(path, "/")] = &fstest.MapFile{Data: data}
	}
	return &machine{root: root}
}

// sound is a machine on which nothing is wrong.
var sound = fake{
	"/proc/sys/kernel/osrelease":                 "6.12.1-amd64\n",
	"/proc/sys/kernel/unprivileged_bpf_disabled": "2\n",
	"/proc/sys/kernel/perf_event_paranoid":       "2\n",
	mounts.File: "1 0 0:1 / /sys rw - sysfs sysfs rw\n2 1 0:2 / /sys/kernel/tracing rw - tracefs tracefs rw\n" +
		"3 1 0:3 / /sys/fs/bpf rw - bpf bpf rw\n4 1 0:4 / /sys/kernel/debug rw - debugfs debugfs rw\n",
	"/proc/config.gz": "CONFIG_KPROBES=y\nCONFIG_KPROBE_EVENTS=y\nCONFIG_BPF_EVENTS=y\nCONFIG_UPROBES=y\nCONFIG_UPROBE_EVENTS=y\n" +
		"CONFIG_DEBUG_INFO_BTF=y\nCONFIG_NETKIT=m\nCONFIG_NET_XGRESS=y\nCONFIG_BPF_LSM=y\nCONFIG_FTRACE_SYSCALLS=y\nCONFIG_TRACEPOINTS=y\n" +
		"CONFIG_CGROUP_BPF=y\nCONFIG_NETFILTER_BPF_LINK=y\nCONFIG_BPF_SYSCALL=y\nCONFIG_NET=y\n",
	"/proc/kallsyms": "0000000000000000 T tcp_v4_connect\n0000000000000000 t shared\n0000000000000000 t shared\n0000000000000000 t shared\t[mod]\n" +
		"0000000000000000 T " + syscallPrefix + "sys_getpgid\n0000000000000000 T __compat_sys_getpgid\n0000000000000000 t __do_sys_getpgid\n0000000000000000 t split.isra.0\n0000000000000000 t split.cold\n0000000000000000 t chilly.cold\n" +
		"0000000000000000 D jiffies\n0000000000000000 T do_int3\n0000000000000000 T notrace_fn\n0000000000000000 T __pfx_tcp_v4_connecx\n" +
		"0000000000000000 T __traceiter_sched_process_fork\n0000000000000000 T bpf_lsm_file_open\n0000000000000000 T bpf_iter_task\n" +
		"0000000000000000 t in_module\t[veth]\n",
	"/sys/kernel/btf/vmlinux":                        rawBTF("bpf_iter__task", "bpf_iter__bpf_map", "shared", "bpf_lsm_file_open"),
	"/sys/kernel/debug/kprobes/blacklist":            "0x0000000000000000-0x0000000000000000\tdo_int3\n",
	"/sys/kernel/tracing/available_filter_functions": "tcp_v4_connect\n" + syscallPrefix + "sys_getpgid\ndo_int3\nshared [mod]\n",
	"/sys/kernel/tracing/available_events":           "sched:sched_process_fork\nsched:sched_process_exit\nsyscalls:sys_enter_openat\n",
	"/sys/kernel/tracing/events/enable":              "0\n",
	"/sys/kernel/tracing/kprobe_events":              "",
	"/sys/kernel/tracing/uprobe_events":              "",
	"/sys/bus/event_source/devices/kprobe/type":      "6\n",
	"/sys/bus/event_source/devices/uprobe/type":      "7\n",
	"/sys/kernel/security/lockdown":                  "[none] integrity confidentiality\n",
	"/sys/kernel/security/lsm":                       "lockdown,yama,apparmor,bpf\n",
}

// config takes an option out of the sound machine's configuration.
func (f fake) without(option string) fake {
	return f.with("/proc/config.gz", strings.Replace(f["/proc/config.gz"], option+"=", "# "+option+" was ", 1))
}

var (
	everything = privileges{effective: 1<<41 - 1, userns: initialUserns, memlock: unix.RLIM_INFINITY}
	nothing    = privileges{userns: initialUserns, memlock: unix.RLIM_INFINITY}
)

func privilegesOf(capabilities ...int) privileges {
	p := nothing
	for _, c := range capabilities {
		p.effective |= 1 << c
	}
	return p
}

// TestCauses asks fake machines. For each cause there is a case with the same
// errno and another cause, which must not be named: want "".
func TestCauses(t *testing.T) {
	locked := sound.with("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n")
	old := sound.with("/proc/sys/kernel/osrelease", "5.10.0-30-amd64\n")
	older := sound.with("/proc/sys/kernel/osrelease", "5.4.0\n")
	open := sound.with("/proc/sys/kernel/unprivileged_bpf_disabled", "0\n")
	blind := sound.with("/proc/config.gz", "")
	const sysOnly = "1 0 0:1 / /sys rw - sysfs sysfs rw\n"
	paranoid := sound.with(paranoidFile, "3\n")
	limited := everything
	limited.memlock = 65536
	mute := func(p privileges) privileges { p.noBPF = true; return p }
	watched := func(p privileges) privileges { p.noPerf = true; return p }
	contained := everything
	contained.userns = "user:[4026532000]"

	load := func(p privileges, types ...ebpf.ProgramType) func(*machine) *finding {
		return func(m *machine) *finding { return m.loadNotPermitted(p, types) }
	}
	attach := func(p privileges, kind string, err error) func(*machine) *finding {
		return func(m *machine) *finding { return m.attachFailed(&p, kind, err) }
	}
	kprobe := func(symbol string, offset uint64, err error) func(*machine) *finding {
		return func(m *machine) *finding { return m.kprobeFailed(symbol, offset, err) }
	}
	multi := func(err error, symbols ...string) func(*machine) *finding {
		return func(m *machine) *finding { return m.multiFailed(symbols, err) }
	}
	event := func(group, name string, err error) func(*machine) *finding {
		return func(m *machine) *finding { return m.tracepointFailed(group, name, err) }
	}
	raw := func(name string) func(*machine) *finding {
		return func(m *machine) *finding { return m.rawTracepointFailed(name, unix.ENOENT) }
	}
	target := func(typ ebpf.ProgramType, at ebpf.AttachType, to string, err error) func(*machine) *finding {
		return func(m *machine) *finding {
			return m.noTarget(&ebpf.ProgramSpec{Type: typ, AttachType: at, AttachTo: to}, err)
		}
	}
	fentry := func(to string) func(*machine) *finding {
		return target(ebpf.Tracing, ebpf.AttachTraceFEntry, to, ebpf.ErrNotSupported)
	}
	helper := func(message string) func(*machine) *finding {
		return func(m *machine) *finding { return m.lockedHelper(rejection{message: message}) }
	}
	pathError := func(path string, errno unix.Errno) error { return &fs.PathError{Op: "open", Path: path, Err: errno} }
	badBoundary := fmt.Errorf("token x: bad insn boundary: %w", fs.ErrNotExist)
	enoent := error(unix.ENOENT)

	for _, tt := range []struct {
		name string
		m    fake
		ask  func(*machine) *finding
		want string
	}{
		// capabilities
		{"load as nobody", sound, load(nothing, ebpf.XDP), "this process lacks CAP_BPF, CAP_NET_ADMIN"},
		{"load tracing as nobody", sound, load(nothing, ebpf.Kprobe), "this process lacks CAP_BPF, CAP_PERFMON"},
		{"load with CAP_BPF", sound, load(privilegesOf(unix.CAP_BPF), ebpf.Kprobe), "this process lacks CAP_PERFMON"},
		{"load both as nobody", sound, load(nothing, ebpf.XDP, ebpf.Kprobe), "this process lacks CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON"},
		{"load freplace", sound, load(privilegesOf(unix.CAP_BPF), ebpf.Extension), "this process lacks CAP_PERFMON, CAP_NET_ADMIN"},
		{"load before 5.8", older, load(privilegesOf(unix.CAP_BPF, unix.CAP_NET_ADMIN), ebpf.XDP), "this process lacks CAP_SYS_ADMIN"},
		{"load as root", sound, load(everything, ebpf.XDP), ""},
		{"load with what it takes", sound, load(privilegesOf(unix.CAP_BPF, unix.CAP_NET_ADMIN), ebpf.XDP), ""},
		{"load with CAP_SYS_ADMIN", sound, load(privilegesOf(unix.CAP_SYS_ADMIN), ebpf.XDP), ""},
		{"attach as nobody", sound, attach(nothing, "tracepoint", unix.EACCES), "this process lacks CAP_PERFMON"},
		{"attach before 5.8", older, attach(privilegesOf(unix.CAP_PERFMON), "kprobe", unix.EACCES), "this process lacks CAP_SYS_ADMIN"},
		{"attach where everybody may trace", sound.with(paranoidFile, "-1\n"), attach(nothing, "tracepoint", unix.EACCES), ""},
		{"attach, paranoia unknown", sound.with(paranoidFile, ""), attach(nothing, "tracepoint", unix.EACCES), ""},
		{"attach a probe where everybody may trace", sound.with(paranoidFile, "-1\n"), attach(nothing, "kretprobe", unix.EACCES), "this process lacks CAP_PERFMON"},
		{"attach a uprobe as nobody", sound, attach(nothing, "uprobe", unix.EACCES), "this process lacks CAP_SYS_ADMIN, and CAP_PERFMON"},
		{"attach a uprobe with CAP_PERFMON", sound, attach(privilegesOf(unix.CAP_PERFMON), "uretprobe", unix.EACCES), "this process lacks CAP_SYS_ADMIN"},
		{"attach a uprobe with CAP_SYS_ADMIN", sound, attach(privilegesOf(unix.CAP_SYS_ADMIN), "uprobe", unix.EACCES), ""},
		{"perf event as nobody", sound.with(paranoidFile, "1\n"), attach(nothing, "perf_event", unix.EACCES), "this process lacks CAP_PERFMON"},
		{"perf event where everybody may", sound.with(paranoidFile, "0\n"), attach(nothing, "perf_event", unix.EACCES), ""},
		{"attach in a user namespace", sound, attach(contained, "kprobe", unix.EACCES), "in a user namespace only"},
		{"attach to a cgroup as nobody", sound, attach(nothing, "cgroup_skb/egress", unix.EPERM), "this process lacks CAP_NET_ADMIN"},
		{"attach to a cgroup with CAP_NET_ADMIN", sound, attach(privilegesOf(unix.CAP_NET_ADMIN), "cgroup_skb/egress", unix.EPERM), ""},
		{"attach what takes nothing", sound, attach(nothing, "cgroup/connect4", unix.EPERM), ""},
		{"bpf(2) refused", old, attach(mute(nothing), "xdp", unix.EPERM), "this process lacks CAP_BPF"},
		{"bpf(2) refused before 5.8", older, attach(mute(privilegesOf(unix.CAP_BPF)), "xdp", unix.EPERM), "this process lacks CAP_SYS_ADMIN"},
		{"bpf(2) refused to root", old, attach(mute(everything), "xdp", unix.EPERM), ""},
		{"bpf(2) refused where everybody may", old.with(unprivilegedFile, "0\n"), attach(mute(nothing), "xdp", unix.EPERM), ""},
		{"bpf(2) refused by a new kernel", sound, attach(mute(nothing), "xdp", unix.EPERM), ""},
		{"bpf(2) not refused", old, attach(nothing, "xdp", unix.EPERM), ""},
		{"paranoid", paranoid, attach(watched(privilegesOf(unix.CAP_BPF, unix.CAP_PERFMON)), "kprobe", unix.EACCES), "kernel.perf_event_paranoid is 3"},
		{"paranoid as nobody", paranoid, attach(watched(nothing), "tracepoint", unix.EACCES), "kernel.perf_event_paranoid is 3"},
		{"paranoid, but it may", paranoid, attach(privilegesOf(unix.CAP_BPF, unix.CAP_PERFMON), "kprobe", unix.EACCES), ""},
		{"paranoid, as root", paranoid, attach(watched(everything), "kprobe", unix.EACCES), ""},
		{"paranoid, no perf event", paranoid, attach(watched(nothing), "cgroup/dev", unix.EPERM), ""},
		{"not paranoid, but refused", sound, attach(watched(privilegesOf(unix.CAP_PERFMON)), "kprobe", unix.EACCES), ""},
		{"attach with what it takes", sound, attach(privilegesOf(unix.CAP_BPF, unix.CAP_PERFMON), "tracepoint", unix.EACCES), ""},
		{"attach to another's file", sound, attach(nothing, "uprobe", pathError("/root/secret", unix.EACCES)), ""},
		{"attach as nobody, other errno", sound, attach(nothing, "tracepoint", unix.EBUSY), ""},
		{"no privileges known", sound, func(m *machine) *finding { return m.attachFailed(nil, "xdp", unix.EPERM) }, ""},
		// unprivileged_bpf_disabled
		{"filter as nobody", sound, load(nothing, ebpf.SocketFilter), "this process lacks CAP_BPF, and unprivileged BPF is disabled"},
		{"filter where everybody may", open, load(nothing, ebpf.SocketFilter), ""},
		{"filter, unknown", sound.with(unprivilegedFile, ""), load(nothing, ebpf.SocketFilter), ""},
		{"XDP where everybody may load filters", open, load(nothing, ebpf.XDP), "this process lacks CAP_BPF, CAP_NET_ADMIN"},
		{"map as nobody", sound, load(nothing), "this process lacks CAP_BPF"},
		{"map where everybody may", open, load(nothing), ""},
		// user namespaces
		{"user namespace", sound, load(contained, ebpf.XDP), "in a user namespace only"},
		{"user namespace, filter where everybody may", open, load(contained, ebpf.SocketFilter), ""},
		{"user namespace unknown", sound, load(privileges{effective: everything.effective, memlock: unix.RLIM_INFINITY}, ebpf.XDP), ""},
		// memlock
		{"memlock", old, load(limited, ebpf.XDP), "RLIMIT_MEMLOCK is 65536 bytes"},
		{"memlock without limit", old, load(everything, ebpf.XDP), ""},
		{"memlock on a new kernel", sound, load(limited, ebpf.XDP), ""},
		{"memlock, unknown kernel", sound.with("/proc/sys/kernel/osrelease", ""), load(limited, ebpf.XDP), ""},
		// lockdown
		{"locked kprobe", locked, attach(everything, "kprobe", unix.EPERM), "this kernel is locked down (confidentiality), which forbids kprobes"},
		{"locked kprobe as nobody", locked, attach(nothing, "kprobe", unix.EPERM), "this process lacks"},
		{"kprobe, not locked", sound, attach(everything, "kprobe", unix.EPERM), ""},
		{"kprobe, locked to integrity", sound.with(lockdownFile, "none [integrity] confidentiality\n"), attach(everything, "kprobe", unix.EPERM), ""},
		{"kprobe, lockdown unknown", sound.with(lockdownFile, ""), attach(everything, "kprobe", unix.EPERM), ""},
		{"locked kprobe.multi", locked, attach(everything, "kprobe.multi", unix.EPERM), ""},
		{"locked uprobe", locked, attach(everything, "uprobe", unix.EPERM), ""},
		{"locked tracefs", locked, attach(everything, "kprobe", pathError("/sys/kernel/tracing/kprobe_events", unix.EPERM)), "which forbids tracefs"},
		{"tracefs of root", locked, attach(nothing, "kprobe", pathError("/sys/kernel/tracing/kprobe_events", unix.EACCES)), ""},
		{"locked helper", locked, helper("unknown func bpf_probe_read_kernel#113"), "which forbids bpf_probe_read_kernel"},
		{"locked helper, new text", locked, helper("program of this type cannot use helper bpf_probe_read#4"), "which forbids bpf_probe_read"},
		{"other helper", locked, helper("unknown func bpf_redirect#23"), ""},
		{"helper, not locked", sound, helper("unknown func bpf_probe_read_kernel#113"), ""},
		{"write helper, integrity", sound.with(lockdownFile, "none [integrity] confidentiality"), helper("unknown func bpf_probe_write_user#36"), "(integrity)"},
		{"read helper, integrity", sound.with(lockdownFile, "none [integrity] confidentiality"), helper("unknown func bpf_probe_read#4"), ""},
		// options and versions
		{"tcx, not built", sound.without("CONFIG_NET_XGRESS"), attach(everything, "tcx", unix.EINVAL), "this kernel was built without CONFIG_NET_XGRESS"},
		{"tcx, built", sound, attach(everything, "tcx", unix.EINVAL), ""},
		{"tcx, config unknown", blind, attach(everything, "tcx", unix.EINVAL), ""},
		{"tcx, not built, busy", sound.without("CONFIG_NET_XGRESS"), attach(everything, "tcx", unix.EBUSY), ""},
		{"netkit, a module", sound, attach(everything, "netkit", ebpf.ErrNotSupported), ""},
		{"tcx, old kernel", old, attach(everything, "tcx", ebpf.ErrNotSupported), "this kernel has no tcx, which came with Linux 6.6"},
		{"tcx, old kernel without the option", old.without("CONFIG_NET_XGRESS"), attach(everything, "tcx", ebpf.ErrNotSupported), "this kernel has no tcx, which came with Linux 6.6"},
		{"tcx, old kernel, but it knows", old, attach(everything, "tcx", unix.EINVAL), ""},
		{"tcx, new kernel", sound, attach(everything, "tcx", ebpf.ErrNotSupported), ""},
		{"cgroup", sound.without("CONFIG_CGROUP_BPF"), attach(everything, "cgroup/connect4", unix.EINVAL), "CONFIG_CGROUP_BPF"},
		{"hook without a row", sound, attach(everything, "elsewhere", unix.EINVAL), ""},
		{"lsm off", sound.with(lsmFile, "lockdown,yama\n"), (*machine).noBPFLSM, "list of security modules doesn't have bpf"},
		{"lsm on", sound, (*machine).noBPFLSM, ""},
		{"lsm unknown", sound.with(lsmFile, ""), (*machine).noBPFLSM, ""},
		{"kprobes, not built", sound.without("CONFIG_KPROBES"), func(m *machine) *finding { return m.withoutProbes("kprobe") }, "this kernel was built without CONFIG_KPROBES"},
		{"kprobes, config unknown", blind, func(m *machine) *finding { return m.withoutProbes("kprobe") }, "this kernel has no kprobes"},
		// symbols
		{"spelling", sound, kprobe("tcp_v4_conect", 0, enoent), "no function of that name (nearest: tcp_v4_connect)"},
		{"spelling, kretprobe on 5.10", sound, kprobe("tcp_v4_conect", 0, unix.EINVAL), "no function of that name (nearest: tcp_v4_connect)"},
		{"nothing like it", sound, kprobe("quux_flubber", 0, enoent), "no function of that name"},
		{"system call", sound, kprobe("sys_getpgi", 0, enoent), "(nearest: " + syscallPrefix + "sys_getpgid)"},
		{"copy", sound, kprobe("split", 0, enoent), "the compiler left no function of that name, only split.isra.0, split.cold"},
		{"cold part", sound, kprobe("chilly", 0, enoent), "only chilly.cold"},
		{"data", sound, kprobe("jiffies", 0, enoent), "jiffies is data, not a function"},
		{"ambiguous", sound, kprobe("shared", 0, unix.EADDRNOTAVAIL), "3 functions have that name"},
		{"not ambiguous", sound, kprobe("tcp_v4_connect", 0, unix.EADDRNOTAVAIL), ""},
		{"ambiguous, other errno", sound, kprobe("shared", 0, unix.EINVAL), ""},
		{"exists", sound, kprobe("tcp_v4_connect", 0, enoent), ""},
		{"system call exists", sound, kprobe("sys_getpgid", 0, unix.EINVAL), ""},
		{"system call isn't ambiguous", sound, kprobe("sys_getpgid", 0, unix.EADDRNOTAVAIL), ""},
		{"kallsyms unknown", sound.with("/proc/kallsyms", ""), kprobe("tcp_v4_conect", 0, enoent), ""},
		{"missing, but busy", sound, kprobe("tcp_v4_conect", 0, unix.EBUSY), ""},
		{"blacklisted", sound, kprobe("do_int3", 0, unix.EINVAL), "the kernel lets nobody probe that function"},
		{"blacklist unknown", sound.with("/sys/kernel/debug/kprobes/blacklist", ""), kprobe("do_int3", 0, unix.EINVAL), ""},
		{"not traced", sound, kprobe("notrace_fn", 0, unix.EINVAL), "the kernel doesn't trace that function"},
		{"not traced, but that may be probed", sound.with("/proc/config.gz", "CONFIG_KPROBE_EVENTS_ON_NOTRACE=y\n"), kprobe("notrace_fn", 0, unix.EINVAL), ""},
		{"not traced, at an offset", sound, kprobe("notrace_fn", 3, unix.EINVAL), ""},
		{"functions unknown", sound.with("/sys/kernel/tracing/available_filter_functions", ""), kprobe("notrace_fn", 0, unix.EINVAL), ""},
		{"inside an instruction", sound, kprobe("tcp_v4_connect", 1, badBoundary), "no instruction of the function starts at that offset"},
		{"missing, inside an instruction", sound, kprobe("tcp_v4_conect", 1, badBoundary), "no function of that name"},
		// many at once
		{"many", sound, multi(unix.ESRCH, "tcp_v4_connect", "do_int3"), ""},
		{"many, one missing", sound, multi(unix.ESRCH, "tcp_v4_connect", "tcp_v4_conect"), "tcp_v4_conect: no function of that name (nearest: tcp_v4_connect)"},
		{"many, one not traced", sound, multi(unix.ESRCH, "tcp_v4_connect", "notrace_fn"), "notrace_fn: the kernel doesn't trace that function"},
		{"many, a system call", sound, multi(unix.ESRCH, "tcp_v4_connect", "sys_getpgid"), "sys_getpgid: no function of that name (nearest: " + syscallPrefix + "sys_getpgid)"},
		{"many, other errno", sound, multi(unix.EBUSY, "tcp_v4_conect"), ""},
		{"many, kallsyms unknown", sound.with("/proc/kallsyms", ""), multi(unix.ESRCH, "tcp_v4_conect"), ""},
		{"none", sound, multi(unix.EINVAL), ""},
		// tracepoints
		{"event", sound, event("sched", "sched_process_forc", enoent), "no such tracepoint (nearest: sched/sched_process_fork)"},
		{"group", sound, event("task", "sched_process_fork", enoent), "(nearest: sched/sched_process_fork)"},
		{"event exists", sound, event("sched", "sched_process_fork", enoent), ""},
		{"event, other errno", sound, event("sched", "nope", unix.EBUSY), ""},
		{"events unknown", sound.with("/sys/kernel/tracing/available_events", ""), event("sched", "nope", enoent), ""},
		{"events locked", locked.with("/sys/kernel/tracing/available_events", ""), event("sched", "nope", enoent), "which forbids tracefs"},
		{"no tracefs", sound.with(mounts.File, sysOnly), event("sched", "nope", errors.New("neither")), "tracefs is not mounted"},
		{"a part of tracefs", sound.with(mounts.File, sysOnly+"2 1 0:2 /events /sys/kernel/tracing rw - tracefs tracefs rw\n"), event("sched", "nope", errors.New("neither")), "tracefs is not mounted"},
		{"tracefs in debugfs", sound.with(mounts.File, sysOnly+"2 1 0:2 / /debug rw - debugfs debugfs rw\n", "/debug/tracing/available_events", "sched:nopf\n"), event("sched", "nope", enoent), "(nearest: sched/nopf)"},
		{"tracefs, other error", sound, event("sched", "nope", errors.New("neither")), ""},
		{"mounts unknown", sound.with(mounts.File, ""), event("sched", "nope", errors.New("neither")), ""},
		{"syscalls, not built", sound.without("CONFIG_FTRACE_SYSCALLS").with("/sys/kernel/tracing/available_events", "sched:x\n"), event("syscalls", "sys_enter_read", enoent), "CONFIG_FTRACE_SYSCALLS"},
		{"syscalls, built", sound, event("syscalls", "sys_enter_read", enoent), "no such tracepoint"},
		{"raw", sound, raw("sched_process_forc"), "no such tracepoint (nearest: sched_process_fork)"},
		{"raw with group", sound, raw("sched/sched_process_fork"), "its name goes without the group"},
		{"raw exists", sound, raw("sched_process_fork"), ""},
		{"raw, old kernel", sound.with("/proc/kallsyms", "0 T x\n"), raw("nope"), ""},
		// BTF and targets
		{"no BTF", sound.without("CONFIG_DEBUG_INFO_BTF").with("/sys/kernel/btf/vmlinux", ""), fentry("tcp_v4_connect"), "this kernel was built without CONFIG_DEBUG_INFO_BTF"},
		{"no BTF, config unknown", blind.with("/sys/kernel/btf/vmlinux", ""), fentry("tcp_v4_connect"), "this kernel has no BTF"},
		{"sysfs unknown", fake{"/proc/kallsyms": "0 T tcp_v4_connect\n"}, fentry("tcp_v4_conect"), "fentry tcp_v4_conect: no function"},
		{"function", sound, fentry("tcp_v4_conect"), "fentry tcp_v4_conect: no function of that name (nearest: tcp_v4_connect)"},
		{"function without BTF", sound, fentry("tcp_v4_connect"), "fentry tcp_v4_connect: the kernel's BTF doesn't describe that function"},
		{"function with BTF", sound, fentry("shared"), ""},
		{"function, BTF unreadable", sound.with("/sys/kernel/btf/vmlinux", "BTF"), fentry("tcp_v4_connect"), ""},
		{"function of a module", sound, fentry("in_module"), "the kernel's BTF doesn't describe that function"},
		{"function of a module with BTF", sound.with("/sys/kernel/btf/veth", "BTF"), fentry("in_module"), ""},
		{"system call without prefix", sound, fentry("sys_getpgid"), "(nearest: " + syscallPrefix + "sys_getpgid)"},
		{"ambiguous in BTF", sound, target(ebpf.Tracing, ebpf.AttachTraceFEntry, "shared", btf.ErrMultipleMatches), "3 functions have that name"},
		{"LSM hook", sound, target(ebpf.LSM, ebpf.AttachLSMMac, "file_opem", ebpf.ErrNotSupported), "lsm file_opem: no such LSM hook (nearest: file_open)"},
		{"LSM hook exists", sound, target(ebpf.LSM, ebpf.AttachLSMMac, "file_open", ebpf.ErrNotSupported), ""},
		{"LSM not built", sound.without("CONFIG_BPF_LSM").with("/proc/kallsyms", "0 T x\n"), target(ebpf.LSM, ebpf.AttachLSMMac, "file_open", ebpf.ErrNotSupported), "CONFIG_BPF_LSM"},
		{"LSM not built, config unknown", blind.with("/proc/kallsyms", "0 T x\n", lsmFile, "yama\n"), target(ebpf.LSM, ebpf.AttachLSMMac, "file_open", ebpf.ErrNotSupported), ""},
		{"iterator, BTF unreadable", sound.with("/sys/kernel/btf/vmlinux", "BTF"), target(ebpf.Tracing, ebpf.AttachTraceIter, "tasc", ebpf.ErrNotSupported), ""},
		{"iterator exists", sound, target(ebpf.Tracing, ebpf.AttachTraceIter, "task", ebpf.ErrNotSupported), ""},
		{"iterators of a kernel before 5.8", older.with("/sys/kernel/btf/vmlinux", rawBTF()), target(ebpf.Tracing, ebpf.AttachTraceIter, "task", ebpf.ErrNotSupported), "this kernel has no iterators, which came with Linux 5.8"},
		{"iterator", sound, target(ebpf.Tracing, ebpf.AttachTraceIter, "tasc", ebpf.ErrNotSupported), "iter tasc: no such iterator (nearest: task)"},
		{"tp_btf", sound, target(ebpf.Tracing, ebpf.AttachTraceRawTp, "sched_process_forc", ebpf.ErrNotSupported), "(nearest: sched_process_fork)"},
		{"other type", sound, target(ebpf.StructOps, ebpf.AttachStructOps, "x:y", ebpf.ErrNotSupported), ""},
		// pins
		{"no bpffs", sound.with(mounts.File, sysOnly), func(m *machine) *finding { return m.noBPFFS() }, "no bpf filesystem is mounted"},
		{"elsewhere", sound, func(m *machine) *finding { return m.noBPFFS() }, "that is on another filesystem than bpf"},
		{"bpffs unknown", fake{}, func(m *machine) *finding { return m.noBPFFS() }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.ask(tt.m.machine(t))
			switch {
			case f == nil && tt.want != "":
				t.Errorf("no cause, want %q", tt.want)
			case f != nil && tt.want == "":
				t.Errorf("cause = %q, want none", f.why)
			case f != nil && !strings.Contains(f.why, tt.want):
				t.Errorf("cause = %q, want %q", f.why, tt.want)
			}
		})
	}
}

// TestNoProbes asks fake machines whether they have kprobes. What can't be seen
// is no proof.
func TestNoProbes(t *testing.T) {
	const pmu, events = "/sys/bus/event_source/devices/kprobe/type", "/sys/kernel/tracing/kprobe_events"
	for _, tt := range []struct {
		name string
		m    fake
		want bool
	}{
		{"both", sound, false},
		{"perf event only", sound.with(events, ""), false},
		{"tracefs only", sound.with(pmu, "").with(events, "\n"), false},
		{"neither", sound.with(pmu, "", events, ""), true},
		{"neither, no tracefs", sound.with(pmu, "", "/sys/kernel/tracing/events/enable", ""), true},
		{"nothing mounted", fake{}, false},
		{"neither kind, no tracefs", sound.with(pmu, "", "/sys/bus/event_source/devices/uprobe/type", "", "/sys/kernel/tracing/events/enable", ""), false},
	} {
		if got := tt.m.machine(t).noProbes("kprobe"); got != tt.want {
			t.Errorf("%s: noProbes() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func FuzzLookSymbol(f *testing.F) {
	f.Add(sound["/proc/kallsyms"], "tcp_v4_conect", false)
	f.Add("ffffffff81000000 T a\t[m]\nffffffff81000000 t a.isra.0\n0 d b", "a", false)
	f.Add("x\n \n  \n0 T \n0 T\tx\n0 T x", "", true)
	f.Fuzz(func(t *testing.T, text, want string, syscalls bool) {
		l := lookSymbol(strings.Lines(text), want, syscalls)
		if l.matches > l.functions || l.matches > 0 && l.nearest != nil || len(l.nearest) > nearest.Max {
			t.Errorf("lookSymbol(%q, %q, %v) = %+v", text, want, syscalls, l)
		}
		for line := range strings.Lines(text) {
			if _, name, ok := parseSymbol(line); ok && name == "" {
				t.Errorf("parseSymbol(%q) has no name", line)
			}
		}
	})
}

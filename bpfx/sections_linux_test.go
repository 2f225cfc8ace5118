package bpfx_test

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testprogs/sections"
	"github.com/bpfx/go/internal/testutil"
)

// sectionsTest is an object of package sections.
type sectionsTest struct {
	name    string
	load    func() (*ebpf.CollectionSpec, error)
	since   string
	configs []string
	// opts may use the test's own network namespace.
	opts func(testing.TB) *bpfx.AttachOptions
	// hooks are what each program is attached to.
	hooks map[string]string
	// fire makes all of the programs run that are in runs.
	fire func(testing.TB)
	runs []string
}

func noOptions(testing.TB) *bpfx.AttachOptions { return nil }

var sectionsTests = []sectionsTest{
	{
		name: "tracing", load: sections.LoadTracing, since: "5.7", opts: noOptions,
		hooks: map[string]string{
			"raw_fork": `raw_tracepoint "sched_process_fork"`,
			"raw_exec": `raw_tracepoint "sched_process_exec"`,
			"btf_fork": `tp_btf "sched_process_fork"`,
			"enter":    `fentry "inet_dgram_connect"`,
			"leave":    `fexit "inet_dgram_connect"`,
			"permit":   `fmod_ret "security_socket_connect"`,
		},
		fire: func(tb testing.TB) { sendUDP(tb); getconf(tb) },
		runs: []string{"raw_fork", "raw_exec", "btf_fork", "enter", "leave", "permit"},
	},
	{
		name: "probes", load: sections.LoadProbes, since: "4.17", configs: kprobes, opts: noOptions,
		hooks: map[string]string{
			"connect_enter": `kprobe "inet_dgram_connect"`,
			"connect_leave": `kretprobe "inet_dgram_connect"`,
			"getpgid_enter": `kprobe "sys_getpgid"`,
			"getpgid_leave": `kretprobe "sys_getpgid"`,
			"fork":          `tracepoint "sched/sched_process_fork"`,
			"exec":          `tracepoint "sched/sched_process_exec"`,
			"confstr_enter": `uprobe "LIBC":"confstr"`,
			"confstr_leave": `uretprobe "LIBC":"confstr"`,
		},
		fire: func(tb testing.TB) { sendUDP(tb); getpgid(tb); getconf(tb) },
		runs: []string{
			"connect_enter", "connect_leave", "getpgid_enter", "getpgid_leave", "fork", "exec", "confstr_enter", "confstr_leave",
		},
	},
	{
		name: "multi", load: sections.LoadMulti, since: "5.18", configs: []string{"CONFIG_FPROBE"}, opts: noOptions,
		hooks: map[string]string{
			"many_enter": `kprobe.multi "inet_dgram_con*"`,
			"one_leave":  `kretprobe.multi "inet_dgram_connect"`,
		},
		fire: sendUDP,
		runs: []string{"many_enter", "one_leave"},
	},
	{
		name: "network", load: sections.LoadNetwork, since: "5.9",
		opts: networkOptions,
		hooks: map[string]string{
			"first":         `xdp "lo"`,
			"in":            `tcx/ingress "lo"`,
			"out":           `tcx/egress "lo"`,
			"group_out":     `cgroup_skb/egress "CGROUP"`,
			"group_connect": `cgroup/connect4 "CGROUP"`,
			"group_ops":     `sockops "CGROUP"`,
			"lookup":        `sk_lookup netns current`,
			"dissect":       `flow_dissector netns current`,
			"message":       `sk_msg SockMap(sockets)`,
			"parse":         `sk_skb/stream_parser SockHash(peers)`,
			"judge":         `sk_skb/stream_verdict SockHash(peers)`,
			"sample":        `perf_event cpu-clock at 999 Hz`,
			"filter":        `netfilter ipv4/local_out priority 7`,
		},
		fire: func(tb testing.TB) { sendUDP(tb) },
		runs: []string{"first", "in", "out", "lookup", "filter"},
	},
}

// networkOptions skips what this kernel is too old for: one program need not
// keep the others from being attached.
func networkOptions(tb testing.TB) *bpfx.AttachOptions {
	opts := &bpfx.AttachOptions{
		Interface: "lo",
		Cgroup:    testutil.Cgroup(tb),
		Map:       "sockets",
		Maps:      map[string]string{"parse": "peers", "judge": "peers"},
		PerfEvent: bpfx.PerfEvent{Frequency: 999},
		Netfilter: &bpfx.Netfilter{Hook: bpfx.NetfilterLocalOut, Priority: 7},
		LoadOnly:  []string{"next", "raw"},
	}
	for since, names := range map[string][]string{"6.6": {"in", "out"}, "6.4": {"filter"}} {
		if !testutil.KernelAtLeast(tb, since) {
			opts.Skip = append(opts.Skip, names...)
		}
	}
	return opts
}

func TestLoadAndAttach(t *testing.T) {
	for _, tt := range sectionsTests {
		t.Run(tt.name, func(t *testing.T) { testSections(t, tt) })
	}
}

func testSections(t *testing.T, tt sectionsTest) {
	testutil.Netns(t)
	spec, err := tt.load()
	if err != nil {
		t.Fatal(err)
	}
	before := links(t)
	opts := tt.opts(t)
	a, err := bpfx.LoadAndAttach(spec, opts)
	skipSections(t, tt, err)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()

	got := make(map[string]string)
	for i, p := range a.Programs {
		got[p.Program] = mask(p.Hook.String(), opts)
		if i > 0 && a.Programs[i-1].Program >= p.Program {
			t.Errorf("%s was attached after %s", p.Program, a.Programs[i-1].Program)
		}
		if l, ok := p.Attachment.Link(); ok != (p.LinkID != 0) || ok && !testutil.HaveLink(t, p.LinkID) {
			t.Errorf("%s: link %v, LinkID %d", p.Program, l, p.LinkID)
		}
		if !a.Collection.Programs[p.Program].Attached() {
			t.Errorf("%s: not in the record of its program", p.Program)
		}
		if !strings.Contains(a.String(), p.Hook.String()) {
			t.Errorf("%v isn't in:\n%v", p.Hook, a)
		}
	}
	var skip []string
	if opts != nil {
		skip = opts.Skip
	}
	for name, hook := range tt.hooks {
		if got[name] != hook && !slices.Contains(skip, name) {
			t.Errorf("%s is attached to %q, want %q", name, got[name], hook)
		}
	}
	t.Logf("\n%v", a)
	mustAllRun(t, tt, a.Collection, skip)

	if err := a.Close(); err != nil {
		t.Error("Close:", err)
	}
	if err := a.Close(); err != nil {
		t.Error("second Close:", err)
	}
	mustLeaveNoLinks(t, before, spec)
}

// mask returns what a hook prints, without what differs from machine to
// machine.
func mask(hook string, opts *bpfx.AttachOptions) string {
	if i := strings.Index(hook, "libc.so.6"); i >= 0 {
		dir := hook[:i]
		hook = hook[:strings.Index(hook, `"`)+1] + "LIBC" + strings.TrimPrefix(hook, dir+"libc.so.6")
	}
	if opts != nil && opts.Cgroup != "" {
		hook = strings.ReplaceAll(hook, opts.Cgroup, "CGROUP")
	}
	hook, _, _ = strings.Cut(hook, "#") // the descriptor of a map
	return hook
}

// skipSections skips if the kernel can't have all of the object.
func skipSections(t *testing.T, tt sectionsTest, err error) {
	t.Helper()
	testutil.SkipIfNotSupported(t, err, tt.name, tt.since, tt.configs...)
	if errors.Is(err, unix.EPERM) && (tt.name == "tracing" || tt.name == "multi") && os.Getenv("BPFX_VMTEST") == "" {
		// Seen on a vendor's kernel, before the verifier runs and as root.
		t.Skipf("skipping %s: this kernel refuses it even to root (%v; try another kernel: go run ./vmtest)", tt.name, err)
	}
}

// mustAllRun fires and wants each program to have run.
func mustAllRun(t *testing.T, tt sectionsTest, c *bpfx.Collection, skip []string) {
	t.Helper()
	stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		t.Fatal(err)
	}
	defer stats.Close()
	tt.fire(t)
	for _, name := range tt.runs {
		if slices.Contains(skip, name) {
			continue
		}
		testutil.Eventually(t, name+" ran", func() bool { return statsOf(t, c.Programs[name]).RunCount > 0 })
	}
}

// statsOf returns what p did while statistics were enabled.
func statsOf(tb testing.TB, p interface {
	Stats() (*ebpf.ProgramStats, error)
}) *ebpf.ProgramStats {
	tb.Helper()
	s, err := p.Stats()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// getconf runs a program that calls confstr of the C library.
func getconf(tb testing.TB) {
	tb.Helper()
	if out, err := exec.Command("getconf", "PATH").CombinedOutput(); err != nil {
		tb.Fatalf("getconf: %v: %s", err, out)
	}
}

package bpfx_test

import (
	"debug/elf"
	"errors"
	"math"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestAttachRefuses attaches to what isn't there, or isn't what it should be.
func TestAttachRefuses(t *testing.T) {
	testutil.Netns(t)
	array, err := ebpf.NewMap(&ebpf.MapSpec{Name: "array", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer array.Close()
	closed := sockmap(t)
	closed.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	exe := executable(t)
	noFunction := "no such function"
	if !symbols(t, exe) {
		noFunction = "no symbol table"
	}
	xdp, cls := mustLoad(t, xdpSpec(2)), mustLoad(t, bpfx.TCX{}.Spec(ret(-1)))
	other, err := xdp.Attach(bpfx.XDP{Interface: "lo"})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	// What hooks need that not every kernel has.
	needs := map[string]struct {
		since   string
		configs []string
		ret     int32
	}{
		"kprobe":          {"4.1", kprobes, 0},
		"kretprobe":       {"4.1", kprobes, 0},
		"kprobe.multi":    {"5.18", fprobe, 0},
		"kretprobe.multi": {"5.18", fprobe, 0},
		"uprobe.multi":    {"6.6", uprobes, 0},
		"uretprobe.multi": {"6.6", uprobes, 0},
		"tcx/ingress":     {"6.6", []string{"CONFIG_NET_XGRESS"}, 0},
		"netkit/primary":  {"6.7", []string{"CONFIG_NETKIT"}, 0},
		"netfilter":       {"6.4", []string{"CONFIG_NETFILTER_BPF_LINK"}, 1},
	}
	for _, tt := range []struct {
		hook hook
		want string
		is   error
	}{
		{bpfx.XDP{}, "set Interface or Index", nil},
		{bpfx.XDP{Interface: "nonexistent"}, `interface "nonexistent"`, unix.ENODEV},
		{bpfx.XDP{Interface: "lo:1"}, `interface "lo:1"`, unix.ENODEV},
		{bpfx.XDP{Interface: strings.Repeat("x", 16)}, "names have 1 to 15 bytes", unix.EINVAL},
		{bpfx.XDP{Index: 1 << 20}, "interface with index 1048576", unix.ENODEV},
		{bpfx.XDP{Index: -1}, "interface with index -1", unix.ENODEV},
		{bpfx.XDP{Index: math.MinInt + 1}, "interface with index -", unix.ENODEV}, // 1 in 32 bits,
		{bpfx.XDP{Interface: "lo", Index: 1 << 20}, `interface "lo" has index 1, not 1048576`, nil},
		{bpfx.XDP{Interface: "lo", Mode: 9}, "unknown mode XDPMode(9)", nil},
		{bpfx.XDP{Interface: "lo", Mode: bpfx.XDPDriver}, "try XDPGeneric", unix.EOPNOTSUPP},
		{bpfx.Tracepoint{Group: "sched", Name: "nonexistent"}, "no such tracepoint", os.ErrNotExist},
		{bpfx.Tracepoint{}, "group and name cannot be empty", nil},
		{bpfx.RawTracepoint{Name: "nonexistent"}, "no such tracepoint", os.ErrNotExist},
		{bpfx.RawTracepoint{}, "set Name", nil},
		{bpfx.SkLookup{Netns: bpfx.Netns{Path: "/run/netns/nonexistent"}}, "/run/netns/nonexistent", os.ErrNotExist},
		{bpfx.SkLookup{Netns: bpfx.Netns{Path: file}}, "not a network namespace", unix.EINVAL},
		{bpfx.SkLookup{Netns: bpfx.Netns{Path: pipe}}, pipe + "\": not a network namespace", unix.EINVAL},
		{bpfx.SkLookup{Netns: bpfx.Netns{Path: "/proc/self/ns/mnt"}}, "not a network namespace", unix.EINVAL},
		{bpfx.FlowDissector{Netns: bpfx.Netns{FD: 1 << 20}}, "netns fd 1048576", unix.EBADF},
		{bpfx.FlowDissector{Netns: bpfx.Netns{Path: "/proc/self/ns/net", FD: 1}}, "two namespaces", nil},
		{bpfx.SkMsg{}, "set Map to a sockmap or sockhash", nil},
		{bpfx.SkMsg{Map: array}, "Array(array)", unix.EINVAL},
		{bpfx.SkSkb{Map: array}, "is not a sockmap or sockhash", unix.EINVAL},
		{bpfx.SkSkb{Map: closed}, "map: file already closed", os.ErrClosed},
		{bpfx.SkSkb{Map: array, Kind: 7}, "unknown kind SkSkbKind(7)", nil},
		{bpfx.Uprobe{}, "no file: set Path", nil},
		{bpfx.Uprobe{Path: pipe, Symbol: "main"}, pipe + " is not a regular file", unix.EINVAL},
		{bpfx.Uprobe{Path: "/nonexistent"}, "/nonexistent", os.ErrNotExist},
		{bpfx.Uprobe{Path: exe, Symbol: "nonexistent"}, noFunction, link.ErrNoSymbol},
		{bpfx.Uprobe{Path: exe, Address: 4096, PID: -1}, "PID -1 is negative", nil},
		{bpfx.Uprobe{Path: exe, Address: 4096, PID: 1 << 22}, "no process 4194304", unix.ESRCH},
		{bpfx.Uretprobe{Path: file, Symbol: "main"}, file, nil},
		{bpfx.Kprobe{Symbol: "bpfx_nonexistent"}, `kprobe "bpfx_nonexistent"`, os.ErrNotExist},
		{bpfx.Kprobe{Symbol: "no symbol"}, "must be a valid symbol", nil},
		{bpfx.Kretprobe{Symbol: "bpfx_nonexistent"}, `kretprobe "bpfx_nonexistent"`, nil},
		{bpfx.KprobeMulti{}, "no functions: set Symbols or Pattern", nil},
		{bpfx.KprobeMulti{Symbols: []string{"a"}, Pattern: "b"}, "two lists of functions", nil},
		{bpfx.KprobeMulti{Symbols: []string{"a"}, Cookies: []uint64{1, 2}}, "2 Cookies for 1 Symbols", nil},
		{bpfx.KprobeMulti{Pattern: "a*", Cookies: []uint64{1}}, "a Pattern takes no Cookies", nil},
		{bpfx.KprobeMulti{Symbols: make([]string, 1<<20+1)}, "1048577 functions: the kernel takes 1048576", nil},
		{bpfx.KprobeMulti{Pattern: "[a"}, "syntax error in pattern", path.ErrBadPattern},
		{bpfx.KprobeMulti{Pattern: "bpfx_nonexistent*"}, "matches none of the functions", os.ErrNotExist},
		{bpfx.KprobeMulti{Symbols: []string{"bpfx_nonexistent"}}, "couldn't find one or more symbols", os.ErrNotExist},
		{bpfx.KretprobeMulti{Symbols: []string{"bpfx_nonexistent"}}, "couldn't find one or more symbols", os.ErrNotExist},
		{bpfx.UprobeMulti{}, "no file: set Path", nil},
		{bpfx.UprobeMulti{Path: pipe, Pattern: "a*"}, pipe + " is not a regular file", unix.EINVAL},
		{bpfx.UprobeMulti{Path: exe}, "no functions: set Symbols or Pattern", nil},
		{bpfx.UprobeMulti{Path: "/nonexistent", Symbols: []string{"a"}}, "/nonexistent", os.ErrNotExist},
		{bpfx.UprobeMulti{Path: "/nonexistent", Pattern: "a*"}, "/nonexistent", os.ErrNotExist},
		{bpfx.UprobeMulti{Path: exe, Pattern: "bpfx_nonexistent*"}, "matches none of the functions", os.ErrNotExist},
		{bpfx.UprobeMulti{Path: exe, Symbols: []string{"nonexistent"}}, noFunction, link.ErrNoSymbol},
		{bpfx.UprobeMulti{Path: exe, Symbols: []string{"a"}, Offsets: []uint64{1, 2}}, "2 Offsets for 1 Symbols", nil},
		{bpfx.UprobeMulti{Path: exe, Symbols: []string{"a"}, Addresses: []uint64{1}}, "two lists of functions", nil},
		{bpfx.UprobeMulti{Path: exe, Addresses: []uint64{1}, Cookies: []uint64{1, 2}}, "0 Offsets and 2 Cookies for 1 Addresses", nil},
		{bpfx.UprobeMulti{Path: exe, PID: -1}, "PID -1 is negative", nil},
		{bpfx.UretprobeMulti{Path: exe, Addresses: []uint64{4096}, PID: 1 << 22}, "no process 4194304", os.ErrNotExist},
		{bpfx.TCX{}, "set Interface or Index", nil},
		{bpfx.TCX{Interface: "nonexistent"}, `interface "nonexistent"`, unix.ENODEV},
		{bpfx.TCX{Interface: "lo", Direction: 2}, "unknown direction TCXDirection(2)", nil},
		{bpfx.TCX{Interface: "lo", Anchor: bpfx.Before(nil)}, "nothing to be before, after or in place of", nil},
		{bpfx.TCX{Interface: "lo", Anchor: bpfx.After(other)}, "anchor: xdp \"lo\": file already closed", os.ErrClosed},
		{bpfx.TCX{Interface: "lo", Anchor: bpfx.BeforeProgram(new(ebpf.Program))}, "anchor: nil program", nil},
		{bpfx.TCX{Interface: "lo", Anchor: bpfx.AfterProgram(xdp.Program)}, `anchor: program "xdp_test" is of type XDP`, nil},
		{bpfx.TCX{Interface: "lo", Anchor: bpfx.ReplaceProgram(cls.Program)}, "the anchor isn't attached there", unix.ENOENT},
		{bpfx.Netkit{Interface: "lo", Side: 2}, "unknown side NetkitSide(2)", nil},
		{bpfx.Netkit{Interface: "lo"}, "the interface isn't a netkit device", unix.ENXIO},
		{bpfx.Netfilter{Family: 7}, "unknown family NetfilterFamily(7)", nil},
		{bpfx.Netfilter{Hook: -1}, "unknown hook NetfilterHook(-1)", nil},
		{bpfx.Netfilter{Hook: 5}, "unknown hook NetfilterHook(5)", nil},
		{bpfx.Netfilter{Priority: -400, Defrag: true}, "Defrag happens at priority -400", unix.ERANGE},
		{bpfx.Netfilter{Priority: math.MaxInt32}, "the kernel keeps the first and the last priority", unix.ERANGE},
		{bpfx.PerfEvent{Counter: 99}, "unknown counter PerfCounter(99)", nil},
		{bpfx.PerfEvent{Counter: 1, Raw: &bpfx.PerfRaw{}}, "two counters", nil},
		{bpfx.PerfEvent{Period: 1, Frequency: 1}, "two rates", nil},
		{bpfx.PerfEvent{Frequency: 1 << 40}, "above the kernel's limit", unix.EINVAL},
		{bpfx.PerfEvent{PID: -1}, "PID -1 is negative", nil},
		{bpfx.PerfEvent{PID: 1 << 22}, "no process 4194304", unix.ESRCH},
		{bpfx.PerfEvent{CPUs: []int{-1}}, "CPU -1 is negative", nil},
		{bpfx.PerfEvent{CPUs: []int{0, 4000}}, "CPU 4000 is not online", nil},
		{bpfx.PerfEvent{Raw: &bpfx.PerfRaw{Type: 1 << 30}}, "no such counter", ebpf.ErrNotSupported},
		{bpfx.Kretprobe{Symbol: "inet_dgram_connect", MaxActive: -1}, "MaxActive -1 is negative", nil},
	} {
		t.Run(kind(tt.hook)+": "+strings.ReplaceAll(tt.want, dir, "DIR"), func(t *testing.T) {
			testutil.Netns(t)
			need := needs[kind(tt.hook)]
			p, err := bpfx.Load(tt.hook.Spec(ret(need.ret)), nil)
			testutil.SkipIfNotSupported(t, err, kind(tt.hook), need.since, need.configs...)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			a, err := p.Attach(tt.hook)
			var ae *bpfx.AttachError
			if a != nil || !errors.As(err, &ae) || ae.Hook.String() != tt.hook.String() {
				t.Fatalf("Attach() = %v, %v; want an AttachError of the hook", a, err)
			}
			if p.Attached() {
				t.Error("Attached() after an Attach that failed")
			}
			if need.since != "" && !errors.Is(tt.is, ebpf.ErrNotSupported) {
				testutil.SkipIfNotSupported(t, err, kind(tt.hook), need.since, need.configs...)
			}
			if !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error = %v, want %q, %v", err, tt.want, tt.is)
			}
		})
	}
}

// kind is the first word of what a hook prints: the same in every run.
func kind(h bpfx.Hook) string {
	kind, _, _ := strings.Cut(h.String(), " ")
	return kind
}

// symbols returns whether a file has a symbol table: go test strips the test's
// own, and only a C linker makes a dynamic one.
func symbols(t *testing.T, path string) bool {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, static := f.Symbols()
	_, dynamic := f.DynamicSymbols()
	return static == nil || dynamic == nil
}

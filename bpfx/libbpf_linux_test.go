package bpfx_test

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestLikeLibbpf attaches objects with libbpf and with LoadAndAttach, and wants
// both to be attached to the same places and to run as often.
func TestLikeLibbpf(t *testing.T) {
	// What libbpf attaches is pinned, so there must be links.
	since := map[string]string{"tracing": "5.7", "probes": "5.15", "multi": "5.18"}
	for _, tt := range sectionsTests {
		if version, ok := since[tt.name]; ok {
			t.Run(tt.name, func(t *testing.T) {
				testutil.Netns(t)
				testutil.NeedKernel(t, version, tt.name)
				testLikeLibbpf(t, tt)
			})
		}
	}
}

func testLikeLibbpf(t *testing.T, tt sectionsTest) {
	spec, err := tt.load()
	if err != nil {
		t.Fatal(err)
	}
	a, err := bpfx.LoadAndAttach(spec, nil)
	skipSections(t, tt, err)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	theirs := libbpfAttach(t, tt)

	// The kernel counts from when statistics are enabled. Looked at before that,
	// both stand still, whatever other processes do meanwhile.
	type counts struct{ ours, theirs uint64 }
	before, programs := make(map[string]counts), make(map[string]*ebpf.Program)
	for name, l := range theirs {
		programs[name] = programOf(t, l)
	}
	now := func(name string) counts {
		ours, theirs := statsOf(t, a.Collection.Programs[name]), statsOf(t, programs[name])
		// A program that runs on a CPU already isn't run there again.
		return counts{ours.RunCount + ours.RecursionMisses, theirs.RunCount + theirs.RecursionMisses}
	}
	for _, p := range a.Programs {
		l, ok := p.Attachment.Link()
		if !ok {
			t.Fatalf("%s has no link", p.Program)
		}
		if got, want := place(t, l), place(t, theirs[p.Program]); got != want {
			t.Errorf("%s is attached to %s, by libbpf to %s", p.Program, got, want)
		} else {
			t.Logf("%s: %s", p.Program, got)
		}
		before[p.Program] = now(p.Program)
	}
	if len(a.Programs) != len(tt.hooks) {
		t.Errorf("%d programs are attached, want %d", len(a.Programs), len(tt.hooks))
	}
	stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		t.Fatal(err)
	}
	defer stats.Close()
	tt.fire(t)
	for name, b := range before {
		var ours, others uint64
		testutil.Eventually(t, fmt.Sprintf("%s ran as often as libbpf's (%d, %d)", name, ours, others), func() bool {
			n := now(name)
			ours, others = n.ours-b.ours, n.theirs-b.theirs
			return ours > 0 && ours == others
		})
	}
}

// libbpfAttach has libbpf load and attach an object, and returns the links.
// bpftool, which does that too, can't in the versions that Debian 12 and older
// have.
func libbpfAttach(t *testing.T, tt sectionsTest) map[string]link.Link {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", `import ctypes; ctypes.CDLL("libbpf.so.1")`).Run() != nil {
		t.Skip("skipping: needs python3 and libbpf (try apt-get install python3 libbpf1)")
	}
	order := "el"
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		order = "eb"
	}
	object := filepath.Join("..", "internal", "testprogs", "sections", tt.name+"_bpf"+order+".o")
	dir := filepath.Join(testutil.BPFFS(t), "pins")
	out, err := exec.Command(python, filepath.Join("testdata", "autoattach.py"), object, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("libbpf: %v: %s", err, out)
	}
	links := make(map[string]link.Link)
	for name := range tt.hooks {
		l, err := link.LoadPinnedLink(filepath.Join(dir, name), nil)
		if err != nil {
			t.Fatalf("the link that libbpf made for %s: %v: %s", name, err, out)
		}
		t.Cleanup(func() { l.Close() })
		links[name] = l
	}
	return links
}

// programOf returns the program of a link.
func programOf(t *testing.T, l link.Link) *ebpf.Program {
	t.Helper()
	info, err := l.Info()
	if err != nil {
		t.Fatal(err)
	}
	p, err := ebpf.NewProgramFromID(info.Program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// place returns what the kernel tells of where a link is attached.
func place(t *testing.T, l link.Link) string {
	t.Helper()
	info, err := l.Info()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "type %d", info.Type)
	if i := info.RawTracepoint(); i != nil {
		fmt.Fprintf(&b, ", raw tracepoint %s", i.Name)
	}
	if i := info.Tracing(); i != nil {
		fmt.Fprintf(&b, ", attach type %d, target %d/%d", i.AttachType, i.TargetObjectId, i.TargetBtfId)
	}
	if i := info.KprobeMulti(); i != nil {
		addresses, _ := i.Addresses()
		fmt.Fprintf(&b, ", flags %d, %d functions %v", i.Flags, i.Count, addresses)
	}
	if i := info.PerfEvent(); i != nil {
		fmt.Fprintf(&b, ", event %d", i.Type)
		if k := i.Kprobe(); k != nil {
			fmt.Fprintf(&b, ", kprobe %s+%#x at %#x", k.Function, k.Offset, k.Address)
		}
		if u := i.Uprobe(); u != nil {
			fmt.Fprintf(&b, ", uprobe %s+%#x", u.File, u.Offset)
		}
		if p := i.Tracepoint(); p != nil {
			fmt.Fprintf(&b, ", tracepoint %s", p.Tracepoint)
		}
	}
	return b.String()
}

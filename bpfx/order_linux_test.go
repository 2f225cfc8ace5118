package bpfx_test

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestTCXOrder attaches programs at each kind of anchor and asks the kernel for
// their order.
func TestTCXOrder(t *testing.T) {
	testutil.Netns(t)
	testutil.NeedKernel(t, "6.6", "tcx")
	lo := loopback(t)
	programs := make(map[string]*bpfx.Program)
	attach := func(name string, at bpfx.Anchor) *bpfx.Attachment {
		t.Helper()
		programs[name] = mustLoad(t, bpfx.TCX{}.Spec(ret(-1)))
		a, err := programs[name].Attach(bpfx.TCX{Index: lo, Anchor: at})
		testutil.SkipIfNotSupported(t, err, "tcx", "6.6", "CONFIG_NET_XGRESS")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	c := attach("c", bpfx.Tail())
	attach("d", bpfx.After(c))
	attach("a", bpfx.Head())
	attach("b", bpfx.Before(c))
	attach("e", bpfx.Anchor{})
	wantOrder(t, lo, programs, "a", "b", "c", "d", "e")

	if _, err := programs["a"].Attach(bpfx.TCX{Index: lo}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("attaching a program twice = %v, want EEXIST", err)
	}

	// A program without a link, as other tools attach it.
	programs["raw"] = mustLoad(t, bpfx.TCX{}.Spec(ret(-1)))
	opts := link.RawAttachProgramOptions{
		Target: lo, Program: programs["raw"].Program, Attach: ebpf.AttachTCXIngress, Anchor: link.BeforeLink(linkFor(t, c)),
	}
	if err := link.RawAttachProgram(opts); err != nil {
		t.Fatal(err)
	}
	attach("before", bpfx.BeforeProgram(programs["raw"].Program))
	attach("after", bpfx.AfterProgram(programs["raw"].Program))
	wantOrder(t, lo, programs, "a", "b", "before", "raw", "after", "c", "d", "e")

	replacing := attach("replacing", bpfx.ReplaceProgram(programs["raw"].Program))
	wantOrder(t, lo, programs, "a", "b", "before", "replacing", "after", "c", "d", "e")
	if l, ok := replacing.Link(); ok {
		t.Errorf("Link() = %v, want none in place of a program", l)
	}
	detached := make(chan error)
	go func() { detached <- programs["replacing"].Close() }() // in another network namespace
	if err := <-detached; err != nil {
		t.Error(err)
	}
	delete(programs, "replacing")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	wantOrder(t, lo, programs, "a", "b", "before", "after", "d", "e")

	if _, err := programs["c"].Attach(bpfx.TCX{Index: lo, Anchor: bpfx.After(c)}); err == nil {
		t.Error("attached after an attachment that is closed")
	}
}

func linkFor(t *testing.T, a *bpfx.Attachment) link.Link {
	t.Helper()
	l, ok := a.Link()
	if !ok {
		t.Fatalf("%v has no link", a)
	}
	return l
}

// wantOrder compares what is attached to an interface with the names of
// programs.
func wantOrder(t *testing.T, ifindex int, programs map[string]*bpfx.Program, want ...string) {
	t.Helper()
	res, err := link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: ebpf.AttachTCXIngress})
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[ebpf.ProgramID]string)
	for name, p := range programs {
		info, err := p.Info()
		if err != nil {
			t.Fatal(err)
		}
		id, _ := info.ID()
		names[id] = name
	}
	var got []string
	for _, p := range res.Programs {
		got = append(got, names[p.ID])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order of programs (-want +got):\n%s", diff)
	}
}

func TestAnchorString(t *testing.T) {
	testutil.NeedRoot(t)
	cls := mustLoad(t, &ebpf.ProgramSpec{Name: "cls", Type: ebpf.SchedCLS, Instructions: ret(-1), License: "GPL"})
	a := bpfx.AttachmentFunc(func() error { return nil })
	defer a.Close()
	for _, tt := range []struct {
		hook bpfx.Hook
		want string
	}{
		{bpfx.TCX{Interface: "lo"}, `tcx/ingress "lo"`},
		{bpfx.TCX{Index: 1, Direction: bpfx.TCXEgress, Anchor: bpfx.Tail()}, `tcx/egress interface 1`},
		{bpfx.TCX{Interface: "lo", Anchor: bpfx.Head()}, `tcx/ingress "lo" (head)`},
		{bpfx.TCX{Interface: "lo", Anchor: bpfx.Before(a)}, `tcx/ingress "lo" (before attachment)`},
		{bpfx.Netkit{Interface: "nk", Anchor: bpfx.AfterProgram(cls.Program)}, `netkit/primary "nk" (after program "cls")`},
		{bpfx.Netkit{Index: 7, Side: bpfx.NetkitPeer, Anchor: bpfx.ReplaceProgram(cls.Program)}, `netkit/peer interface 7 (in place of program "cls")`},
	} {
		if got := tt.hook.String(); got != tt.want {
			t.Errorf("String() = %s, want %s", got, tt.want)
		}
	}
}

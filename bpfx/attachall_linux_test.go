package bpfx_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testprogs"
	"github.com/bpfx/go/internal/testprogs/sections"
	"github.com/bpfx/go/internal/testutil"
)

// rawSpec returns an object of n programs for raw tracepoints, p0 to p(n-1).
func rawSpec(n int) *ebpf.CollectionSpec {
	spec := &ebpf.CollectionSpec{Programs: make(map[string]*ebpf.ProgramSpec)}
	for i := range n {
		p := bpfx.RawTracepoint{}.Spec(ret(0))
		p.Name = fmt.Sprintf("p%d", i)
		p.AttachTo = "sched_process_fork"
		spec.Programs[p.Name] = p
	}
	return spec
}

// TestAttachAllFaults fails to attach one program after the other, and wants
// nothing to stay attached.
func TestAttachAllFaults(t *testing.T) {
	testutil.NeedRoot(t)
	const n = 4
	before := links(t)
	for i := range n {
		failed := bpfx.HookFunc("nowhere", func(*ebpf.Program) (*bpfx.Attachment, error) { return nil, errFn })
		opts := &bpfx.AttachOptions{Hooks: map[string]bpfx.Hook{fmt.Sprintf("p%d", i): failed}}
		a, err := bpfx.LoadAndAttach(rawSpec(n), opts)
		mustFail(t, a, err, i)
		mustLeaveNoLinks(t, before, rawSpec(n))

		c, err := bpfx.LoadCollection(rawSpec(n), nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err = c.AttachAll(opts)
		mustFail(t, a, err, i)
		for name, p := range c.Programs {
			if p.Attached() {
				t.Errorf("%d: %s is still attached", i, name)
			}
		}
		mustLeaveNoLinks(t, before, rawSpec(n))
		if a, err = c.AttachAll(nil); err != nil || len(a.Programs) != n {
			t.Errorf("after a failure AttachAll() = %v, %v", a, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		mustLeaveNoLinks(t, before, rawSpec(n))
		if err := a.Close(); err != nil {
			t.Error("Close after the collection's:", err)
		}
	}
}

func mustFail(t *testing.T, a *bpfx.Attached, err error, i int) {
	t.Helper()
	var pe *bpfx.ProgramError
	var ae *bpfx.AttachError
	if a != nil || !errors.As(err, &pe) || pe.Program != fmt.Sprintf("p%d", i) || !errors.As(err, &ae) || !errors.Is(err, errFn) {
		t.Errorf("%d: %v, %v; want a ProgramError with an AttachError", i, a, err)
	}
	if want := fmt.Sprintf(`program "p%d": attach to nowhere: fn`, i); err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

// TestAttachAllDetachFails joins the errors of detaching to the others.
func TestAttachAllDetachFails(t *testing.T) {
	testutil.NeedRoot(t)
	sticky := bpfx.HookFunc("sticky", func(*ebpf.Program) (*bpfx.Attachment, error) {
		return bpfx.AttachmentFunc(func() error { return errClose }), nil
	})
	failed := bpfx.HookFunc("nowhere", func(*ebpf.Program) (*bpfx.Attachment, error) { return nil, errFn })
	opts := &bpfx.AttachOptions{Hooks: map[string]bpfx.Hook{"p0": sticky, "p1": failed}}
	if _, err := bpfx.LoadAndAttach(rawSpec(2), opts); !errors.Is(err, errFn) || !errors.Is(err, errClose) {
		t.Errorf("LoadAndAttach() = %v, want both errors", err)
	}
	delete(opts.Hooks, "p1")
	a, err := bpfx.LoadAndAttach(rawSpec(2), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); !errors.Is(err, errClose) || !strings.Contains(err.Error(), `program "p0": detach from sticky`) {
		t.Errorf("Close() = %v, want %v", err, errClose)
	}
	if a.Collection.Programs["p1"].Attached() {
		t.Error("p1 is still attached")
	}
}

// TestAttachedOrder attaches in the order of names and detaches the other way
// round.
func TestAttachedOrder(t *testing.T) {
	testutil.NeedRoot(t)
	var log []string
	opts := &bpfx.AttachOptions{Hooks: make(map[string]bpfx.Hook)}
	for i := range 3 {
		name := fmt.Sprintf("p%d", i)
		opts.Hooks[name] = bpfx.HookFunc(name, func(*ebpf.Program) (*bpfx.Attachment, error) {
			log = append(log, "attach "+name)
			return bpfx.AttachmentFunc(closer(&log, "detach "+name, nil)), nil
		})
	}
	err := bpfx.WithAttachedAll(rawSpec(3), opts, func(*bpfx.Attached) error { return errFn })
	if err != errFn { //nolint:errorlint // the very same error
		t.Errorf("WithAttachedAll() = %v, want %v", err, errFn)
	}
	want := "attach p0, attach p1, attach p2, detach p2, detach p1, detach p0"
	if got := strings.Join(log, ", "); got != want {
		t.Errorf("%s; want %s", got, want)
	}
	if err := bpfx.WithAttachedAll(rawSpec(1), nil, nil); err == nil {
		t.Error("WithAttachedAll(nil) = nil")
	}
	called := false
	err = bpfx.WithAttachedAll(rawSpec(1), &bpfx.AttachOptions{Skip: []string{"x"}}, func(*bpfx.Attached) error { called = true; return nil })
	if called || err == nil {
		t.Errorf("WithAttachedAll() = %v, called: %v", err, called)
	}
}

// TestLoadAndAttachSpec leaves the spec as it was, and loads what hooks ask
// for.
func TestLoadAndAttachSpec(t *testing.T) {
	testutil.Netns(t)
	spec, err := testprogs.LoadTestprogs()
	if err != nil {
		t.Fatal(err)
	}
	before := *spec.Programs["mark"]
	opts := &bpfx.AttachOptions{
		Interface: "lo",
		Skip:      []string{"drop", "pass"},
		LoadOnly:  []string{"jump"},
		Hooks:     map[string]bpfx.Hook{"mark": bpfx.RawTracepoint{Name: "sched_process_fork"}},
	}
	// As a raw tracepoint, the program may not write to its context.
	if a, err := bpfx.LoadAndAttach(spec, opts); a != nil || err == nil || !strings.Contains(err.Error(), "mark") {
		t.Errorf("LoadAndAttach() = %v, %v; want that the verifier rejects mark", a, err)
	}
	cgroup := testutil.Cgroup(t)
	opts.Hooks["mark"] = bpfx.Cgroup{Path: cgroup, AttachType: ebpf.AttachCGroupInetEgress}
	a, err := bpfx.LoadAndAttach(spec, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if got := a.Collection.Programs["mark"].Type(); got != ebpf.CGroupSKB {
		t.Errorf("mark is of type %v, want CGroupSKB", got)
	}
	if len(spec.Programs) != 5 || spec.Programs["mark"].Type != before.Type || spec.Programs["mark"].AttachType != before.AttachType {
		t.Errorf("the spec was changed: %v", spec.Programs["mark"])
	}
	if len(a.Collection.Programs) != 3 {
		t.Errorf("loaded %v, want count, jump and mark", a.Collection.Programs)
	}
	want := []string{"PROGRAM LINK", "count", "mark", "drop - not attached: named in Skip", "jump - not attached: named in LoadOnly"}
	table := strings.Join(strings.Fields(a.String()), " ") // the columns are as wide as link ids are long
	for _, s := range want {
		if !strings.Contains(table, s) {
			t.Errorf("no %q in:\n%v", s, a)
		}
	}
	// The object's spec says now what it was loaded for.
	if _, err := a.Collection.AttachAll(&bpfx.AttachOptions{
		Interface: "lo", LoadOnly: []string{"jump", "count"}, Hooks: map[string]bpfx.Hook{"mark": bpfx.TCX{}},
	}); err == nil || !strings.Contains(err.Error(), "use LoadAndAttach") {
		t.Errorf("AttachAll() = %v, want that mark was loaded for something else", err)
	}
}

// TestAttachAllPlaces has places that aren't there. All are reported, before
// anything is loaded.
func TestAttachAllPlaces(t *testing.T) {
	testutil.Netns(t)
	spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{
		"a": bpfx.XDP{}.Spec(nil), "b": bpfx.Cgroup{}.Spec(nil), "c": bpfx.SkLookup{}.Spec(nil),
		"d": bpfx.Kprobe{}.Spec(nil), "e": bpfx.KprobeMulti{}.Spec(nil), "f": bpfx.UprobeMulti{}.Spec(nil), "g": bpfx.TCX{}.Spec(nil),
		"h": bpfx.Uprobe{}.Spec(nil),
	}}
	_, err := bpfx.LoadAndAttach(spec, &bpfx.AttachOptions{
		Interface: "bpfx-none", Cgroup: "/proc", Netns: bpfx.Netns{Path: "/bpfx/none"},
		Hooks: map[string]bpfx.Hook{
			"d": bpfx.Uprobe{Path: "/bpfx/none", Symbol: "f"},
			"e": bpfx.KprobeMulti{Symbols: []string{"a"}, Cookies: []uint64{1, 2}},
			"f": bpfx.UprobeMulti{Path: "/proc/self/exe", Pattern: "no_such_function_*"},
			"g": bpfx.TCX{Index: 4711},
			"h": bpfx.Uretprobe{Path: "/dev/zero", Symbol: "f"},
		},
	})
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{
		`program "a": xdp "bpfx-none": interface "bpfx-none": no such device`,
		`program "b": cgroup_skb/ingress "/proc": /proc is not in a cgroup2 hierarchy`,
		`program "c": sk_lookup netns "/bpfx/none": stat /bpfx/none: no such file`,
		`program "d": in Hooks: uprobe "/bpfx/none":"f": stat /bpfx/none: no such file`,
		`program "e": in Hooks: kprobe.multi "a": 2 Cookies for 1 Symbols`,
		`program "f": in Hooks: uprobe.multi "/proc/self/exe":"no_such_function_*": pattern "no_such_function_*" matches none`,
		`program "g": in Hooks: tcx/ingress interface 4711: interface with index 4711: no such device`,
		`program "h": in Hooks: uretprobe "/dev/zero":"f": /dev/zero is not a regular file`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d findings, want %d:\n%v", len(lines), len(want), err)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("finding %q, want %q", lines[i], want[i])
		}
	}
	for _, is := range []error{unix.ENODEV, unix.EBADF, os.ErrNotExist} {
		if !errors.Is(err, is) {
			t.Errorf("%v isn't in the error", is)
		}
	}
}

func TestAttachAllBadInput(t *testing.T) {
	if _, err := bpfx.LoadAndAttach(nil, nil); err == nil {
		t.Error("LoadAndAttach(nil) = nil")
	}
	for _, c := range []*bpfx.Collection{nil, {}, {Spec: rawSpec(1)}} {
		if a, err := c.AttachAll(nil); a != nil || err == nil {
			t.Errorf("AttachAll() = %v, %v", a, err)
		}
	}
	var a *bpfx.Attached
	if err := a.Close(); err != nil || a.String() == "" {
		t.Errorf("Close() of nil = %v", err)
	}
	testutil.NeedRoot(t)
	a, err := bpfx.LoadAndAttach(&ebpf.CollectionSpec{}, nil)
	if err != nil || len(a.Programs) != 0 || a.String() != "PROGRAM  LINK  HOOK" {
		t.Errorf("LoadAndAttach() of an empty object = %v, %v", a, err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	c, err := bpfx.LoadCollection(rawSpec(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if a, err := c.AttachAll(nil); a != nil || !errors.Is(err, os.ErrClosed) {
		t.Errorf("AttachAll() after Close = %v, %v; want os.ErrClosed", a, err)
	}
}

// TestLoadAndAttachStructOps leaves out a struct_ops map that is skipped, which
// couldn't be loaded.
func TestLoadAndAttachStructOps(t *testing.T) {
	testutil.NeedRoot(t)
	spec := rawSpec(1)
	spec.Maps = map[string]*ebpf.MapSpec{"cc": {Type: ebpf.StructOpsMap}}
	spec.Programs["init"] = &ebpf.ProgramSpec{Type: ebpf.StructOps, AttachTo: "no_such_ops:init", Instructions: ret(0)}
	if _, err := bpfx.LoadAndAttach(spec, nil); err == nil || !strings.HasPrefix(err.Error(), `struct_ops map "cc" isn't attached here: use package structops`) {
		t.Errorf("LoadAndAttach() = %v", err)
	}
	a, err := bpfx.LoadAndAttach(spec, &bpfx.AttachOptions{Skip: []string{"cc"}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if len(a.Programs) != 1 || len(a.Collection.Maps) != 0 || len(spec.Maps) != 1 || len(spec.Programs) != 2 {
		t.Errorf("attached %v, maps %v; the spec has %d programs and %d maps", a, a.Collection.Maps, len(spec.Programs), len(spec.Maps))
	}
}

// TestLoadAndAttachOwnMap has hooks with a map that isn't the object's.
func TestLoadAndAttachOwnMap(t *testing.T) {
	testutil.NeedRoot(t)
	m := sockmap(t)
	spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{
		"a": bpfx.SkMsg{}.Spec(ret(1)), "b": bpfx.SkSkb{}.Spec(ret(1)), "c": bpfx.SkMsg{}.Spec(ret(1)),
	}}
	opts := &bpfx.AttachOptions{Hooks: map[string]bpfx.Hook{
		"a": bpfx.SkMsg{Map: m}, "b": bpfx.SkSkb{Map: m}, "c": bpfx.SkMsg{Map: m},
	}}
	if _, err := bpfx.LoadAndAttach(spec, opts); err == nil || !strings.HasPrefix(err.Error(), `program "c": program "a" is for sk_msg `) {
		t.Errorf("two programs for one map: %v", err)
	}
	opts.Hooks["c"] = bpfx.SkMsg{Map: sockmap(t)}
	err := bpfx.WithAttachedAll(spec, opts, func(a *bpfx.Attached) error {
		if len(a.Programs) != 3 {
			t.Errorf("attached:\n%v", a)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLoadAndAttachFreplace replaces a function of a program that is loaded.
func TestLoadAndAttachFreplace(t *testing.T) {
	testutil.Netns(t)
	targets, err := sections.LoadTarget()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := sections.LoadReplace()
	if err != nil {
		t.Fatal(err)
	}
	err = bpfx.WithCollection(targets, func(c *bpfx.Collection) error {
		target := c.Programs["ask"]
		if got := mustVerdict(t, target); got != "XDP_PASS" {
			t.Errorf("the program alone returns %s", got)
		}
		_, err := bpfx.LoadAndAttach(spec, &bpfx.AttachOptions{Target: new(ebpf.Program)})
		if err == nil || !strings.Contains(err.Error(), "target: nil program") {
			t.Errorf("a target that isn't loaded: %v", err)
		}
		_, err = bpfx.LoadAndAttach(spec, &bpfx.AttachOptions{Target: target.Program})
		if err == nil || !strings.Contains(err.Error(), `program "deny" (section "freplace/decide"): program "again" is for freplace "`) {
			t.Errorf("two programs for one function: %v", err)
		}
		err = bpfx.WithAttachedAll(spec, &bpfx.AttachOptions{Target: target.Program, Skip: []string{"again"}}, func(a *bpfx.Attached) error {
			if got := mustVerdict(t, target); got != "XDP_DROP" {
				t.Errorf("with its function replaced the program returns %s", got)
			}
			if err := a.Programs[0].Attachment.Close(); err != nil {
				return err
			}
			// Loaded, it goes where it was loaded for.
			b, err := a.Collection.AttachAll(nil)
			if err != nil {
				return err
			}
			if got := mustVerdict(t, target); got != "XDP_DROP" {
				t.Errorf("attached again, the program returns %s", got)
			}
			return b.Close()
		})
		return err
	})
	if errors.Is(err, unix.EPERM) && os.Getenv("BPFX_VMTEST") == "" {
		t.Skipf("skipping freplace: this kernel refuses it even to root (%v; try another kernel: go run ./vmtest)", err)
	}
	if err != nil {
		t.Error(err)
	}
}

// mustVerdict runs p over a packet.
func mustVerdict(t *testing.T, p *bpfx.Program) string {
	t.Helper()
	res, err := p.Run(bpfx.RunInput{Data: make([]byte, 64)})
	if err != nil {
		t.Fatal(err)
	}
	return res.Verdict
}

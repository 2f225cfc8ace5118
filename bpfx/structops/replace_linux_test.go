package structops

import (
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/testutil"
)

// TestReplaceRefuses asks for swaps that can't be. That of operations for
// themselves must never reach the kernel: see UpdateStructOpsLink.
func TestReplaceRefuses(t *testing.T) {
	testutil.NeedVM(t, "swaps that a kernel would not survive if they reached it")
	testutil.NeedKernel(t, "6.4", "links of struct_ops")
	o := mustRegister(t, minimal("bpfx_refuse"))
	same := mustLoad(t, minimal("bpfx_refuse"))
	registered := mustRegister(t, minimal("bpfx_other"))
	noLink := minimal("bpfx_refuse")
	noLink.NoLink = true
	closed := mustLoad(t, minimal("bpfx_refuse"))
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		o, new *Ops
		want   string
		is     error
	}{
		{"itself", o, o, "same operations", errSameMap},
		{"nil", o, nil, "nil", nil},
		{"of nil", nil, o, "nil", nil},
		{"closed", o, closed, "closed", os.ErrClosed},
		{"of closed", closed, o, "closed", os.ErrClosed},
		{"registered", o, registered, "registered already", ErrRegistered},
		{"other name", o, mustLoad(t, minimal("bpfx_name")), "same name", nil},
		{"not ready", o, mustLoad(t, noLink), "NoLink", nil},
		{"of what isn't registered", same, mustLoad(t, minimal("bpfx_refuse")), "not registered", ErrNotRegistered},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.o.Replace(tt.new)
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("Replace() = %v, want an error with %q, %v", err, tt.want, tt.is)
			}
		})
	}
	if !o.Registered() || !available(t, "bpfx_refuse") {
		t.Error("it isn't registered any more")
	}
}

// TestReplacePinned swaps operations that two Ops stand for, by way of a pin.
func TestReplacePinned(t *testing.T) {
	testutil.NeedVM(t, "swaps that a kernel would not survive if they reached it")
	testutil.NeedKernel(t, "6.4", "links of struct_ops")
	o, same := mustRegister(t, minimal("bpfx_refuse")), mustLoad(t, minimal("bpfx_refuse"))
	path := testutil.BPFFS(t) + "/link"
	if err := o.Pin(path); err != nil {
		t.Fatal(err)
	}
	again, err := LoadPinned(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.ID() != o.ID() {
		t.Fatalf("ids %d and %d of one map", again.ID(), o.ID())
	}
	if err := again.Replace(o); !errors.Is(err, errSameMap) {
		t.Errorf("Replace() by the same map = %v, want errSameMap", err)
	}
	if err := o.Replace(again); !errors.Is(err, errSameMap) {
		t.Errorf("Replace() by the same map = %v, want errSameMap", err)
	}
	if err := again.Replace(same); err != nil {
		t.Errorf("Replace() of what was pinned = %v", err)
	}
	// The first Ops doesn't know; the kernel does.
	third := mustLoad(t, minimal("bpfx_refuse"))
	if err := o.Replace(third); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("Replace() of what somebody else has replaced = %v", err)
	}
	if err := o.Replace(same); err == nil {
		t.Error("Replace() by what is registered already works")
	}
	if err := same.Unregister(); err != nil {
		t.Error(err)
	}
}

// TestReplaceWithoutLink wants ErrNotSupported and what to do instead.
func TestReplaceWithoutLink(t *testing.T) {
	s := minimal("bpfx_nolink")
	s.NoLink = true
	o := mustRegister(t, s)
	err := o.Replace(mustLoad(t, minimal("bpfx_nolink")))
	if !errors.Is(err, ebpf.ErrNotSupported) || !strings.Contains(err.Error(), "unregister it and register") {
		t.Errorf("Replace() = %v, want ErrNotSupported and what to do", err)
	}
}

// TestReplaceRace swaps two operations back and forth from many goroutines.
func TestReplaceRace(t *testing.T) {
	testutil.NeedVM(t, "swaps that race")
	testutil.NeedKernel(t, "6.4", "links of struct_ops")
	a, b := mustRegister(t, minimal("bpfx_race")), mustLoad(t, minimal("bpfx_race"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				_, _ = a.Replace(b), b.Replace(a) // one of them mostly fails
				_, _ = a.Users()
			}
		})
	}
	wg.Wait()
	if a.Registered() == b.Registered() {
		t.Errorf("a registered %v, b %v; want one", a.Registered(), b.Registered())
	}
	if !available(t, "bpfx_race") {
		t.Error("neither is registered with the kernel")
	}
}

func TestDuplicateName(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			s := minimal("bpfx_twice")
			s.NoLink = v.noLink
			first, second := mustRegister(t, s), mustLoad(t, s)
			err := second.Register()
			if !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), "struct_ops map") || !strings.Contains(err.Error(), "bpfx_twice") {
				t.Errorf("Register() of a name that is taken = %v", err)
			}
			if second.Registered() || !first.Registered() {
				t.Error("the wrong one is registered")
			}
			if err := first.Unregister(); err != nil {
				t.Fatal(err)
			}
			if err := second.Register(); err != nil {
				t.Errorf("Register() of a name that is free again = %v", err)
			}
		})
	}
	err := mustLoad(t, minimal("reno")).Register()
	if !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), "the kernel or one of its modules") {
		t.Errorf("Register() as reno = %v", err)
	}
}

// TestRegisterRace registers one name from many goroutines: one must win.
func TestRegisterRace(t *testing.T) {
	testutil.NeedRoot(t)
	var all []*Ops
	for range 4 {
		all = append(all, mustLoad(t, minimal("bpfx_race")))
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, o := range all {
		wg.Go(func() { errs[i] = o.Register() })
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, os.ErrExist):
			t.Errorf("Register() = %v, want os.ErrExist", err)
		case all[i].Registered():
			t.Error("registered, after an error")
		}
	}
	if won != 1 {
		t.Errorf("%d have won, want one", won)
	}
}

// TestWrongUpdate asks the kernel itself about what Replace refuses before: maps
// of another name, and ones that aren't ready (update_wrong and mixed_links of
// the kernel's own test). That of the same map is left out for good reason.
func TestWrongUpdate(t *testing.T) {
	testutil.NeedVM(t, "swaps that the kernel refuses")
	testutil.NeedKernel(t, "6.4", "links of struct_ops")
	o := mustRegister(t, minimal("bpfx_wrong"))
	l, ok := o.link.Link()
	if !ok {
		t.Fatal("no link")
	}
	noLink := minimal("bpfx_wrong")
	noLink.NoLink = true
	for name, new := range map[string]*Ops{"other name": mustLoad(t, minimal("bpfx_name")), "not ready": mustLoad(t, noLink)} {
		if err := updateLink(l, o.m, new.m); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: updateLink() = %v, want EINVAL", name, err)
		}
	}
	right, other := mustLoad(t, minimal("bpfx_wrong")), mustLoad(t, minimal("bpfx_wrong"))
	if err := updateLink(l, other.m, right.m); !errors.Is(err, syscall.EPERM) {
		t.Errorf("updateLink() from what isn't linked = %v, want EPERM", err)
	}
	if _, err := attachMap(mustLoad(t, noLink).m); err == nil {
		t.Error("a map without BPF_F_LINK is linked")
	}
	if err := right.m.Delete(uint32(0)); err == nil {
		t.Error("a map with BPF_F_LINK is unregistered by its deletion")
	}
}

// TestSchedExt registers operations of another type, those of a scheduler.
func TestSchedExt(t *testing.T) {
	testutil.NeedRoot(t)
	typ, err := Lookup("sched_ext_ops")
	testutil.SkipIfNotSupported(t, err, "sched_ext", "6.12", "CONFIG_SCHED_CLASS_EXT")
	if err != nil {
		t.Fatal(err)
	}
	testutil.NeedVM(t, "a scheduler for all of the machine")
	s := &Spec{
		Type:  typ.Name,
		Name:  "bpfx_scheduler",
		Funcs: map[string]*ebpf.ProgramSpec{"running": nothing(), "init": withFlags(returns(0), sleepable)},
		Data:  map[string]any{"timeout_ms": 5000},
	}
	o := mustRegister(t, s)
	name, err := os.ReadFile("/sys/kernel/sched_ext/root/ops")
	if err != nil || !strings.HasPrefix(string(name), s.Name) {
		t.Errorf("the scheduler is %q, %v; want %q", name, err, s.Name)
	}
	if err := o.Replace(mustLoad(t, s)); !errors.Is(err, ebpf.ErrNotSupported) {
		t.Errorf("Replace() of a scheduler = %v, want ErrNotSupported", err)
	}
	if err := o.Unregister(); err != nil {
		t.Error(err)
	}
}

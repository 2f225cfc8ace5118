//go:build amd64 || arm64

package faults

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/testutil"
)

// TestFaults fails every call of every operation.
func TestFaults(t *testing.T) {
	p := newProcess(t)
	base, err := look(p)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for i := range ops {
		t.Run(ops[i].name, func(t *testing.T) {
			f := &faulting{process: p, before: &base, op: &ops[i], order: i + kernelMinor(t)}
			f.row.op = f.name
			defer func() {
				for _, text := range f.found {
					t.Error(text)
				}
			}()
			f.warmUp(t)
			f.all(t)
			rows = append(rows, f.row)
		})
	}
	t.Log("\n" + tableOf(rows))
	if list := mended(rows); len(list) > 0 {
		t.Errorf("cilium/ebpf now keeps the errno of %q: take it from the list", list)
	}
}

// faulting fails an operation.
type faulting struct {
	*process
	*before
	*op
	row
	order    int
	found    []string // leaks and lies
	thorough bool     // try all faults, however slow the machine is
}

// warmUp runs the operation as it should go, so that what cilium/ebpf finds out
// about the kernel, and remembers, is found out without faults. It skips t if
// the kernel lacks what the operation needs.
func (f *faulting) warmUp(t *testing.T) {
	t.Helper()
	var r reply
	var err error
	for range 2 {
		f.w.arm(0, 0)
		if r, err = f.do(f.name); err != nil {
			t.Fatal(err)
		}
		if f.calls, _, err = f.w.disarm(); err != nil {
			t.Fatal(err)
		}
	}
	if r.NotSupported {
		testutil.SkipIfNotSupported(t, fmt.Errorf("%s (%w)", r.Err, ebpf.ErrNotSupported), f.name, f.since, f.configs...)
	}
	if f.refusable && refused(r.Err) && os.Getenv("BPFX_VMTEST") == "" {
		t.Skipf("skipping %s: this kernel refuses it even to root (%s; try another kernel: go run ./vmtest)", f.name, r.Err)
	}
	if r.Err != "" {
		t.Fatal(r.Err)
	}
	if f.before.descriptors, err = f.process.descriptors(); err != nil {
		t.Fatal(err)
	}
	f.mustLeaveNothing(t, "no fault", r.Keeps)
	f.mustLeaveNoIDs(t)
}

// all fails calls one after the other, with one errno and then the others, and
// lowers the limit of descriptors.
func (f *faulting) all(t *testing.T) {
	t.Helper()
	start := time.Now()
	for _, round := range f.rounds() {
		for n := round.first; ; n += round.step {
			hit := f.fail(t, n, round.errno(n))
			if hit == "" {
				break
			}
		}
	}
	for n := 0; f.starve(t, n); n += f.step() {
	}
	f.mustLeaveNoIDs(t)
	f.took = time.Since(start)
}

// A round fails calls first, first + step and so on.
type round struct {
	first, step int
	errno       func(n int) unix.Errno
}

// rounds returns which calls to fail: with each errno, or of operations that
// wait with one. Machines that are emulated are slow: there it is one too, and of
// long operations every second call, or fewer, the first of which depends on the
// kernel.
func (f *faulting) rounds() (list []round) {
	injected := errnos[:3]
	if f.thorough || !sampling() && !f.waits {
		for _, errno := range injected {
			list = append(list, round{first: 1, step: 1, errno: func(int) unix.Errno { return errno }})
		}
		return list
	}
	step := f.step()
	return []round{{first: 1 + f.order%step, step: step, errno: func(n int) unix.Errno {
		return injected[(n/step+f.order)%len(injected)]
	}}}
}

// step is how many calls or descriptors there are from one fault to the next.
func (f *faulting) step() int {
	switch {
	case f.thorough || !sampling():
		return 1
	case f.slow:
		return 9
	case f.calls > 8:
		return 2
	}
	return 1
}

// sampling reports whether only some faults are tried.
func sampling() bool { return slowness() > 1 && os.Getenv("BPFX_FAULTS") != "all" }

// fail runs the operation with its n-th call failing, and returns that call;
// "" if there were fewer, so that nothing failed.
func (f *faulting) fail(t *testing.T, n int, errno unix.Errno) string {
	t.Helper()
	f.w.arm(n, errno)
	r, err := f.do(f.name)
	count, hit, watchErr := f.w.disarm()
	if err := errors.Join(err, watchErr); err != nil {
		t.Fatal(err)
	}
	f.calls = max(f.calls, count)
	if hit == "" {
		if r.Err != "" {
			f.lies++
			f.found = append(f.found, "without a fault: "+r.Err)
		}
		return ""
	}
	f.check(t, fmt.Sprintf("call %d, %s, fails with %s", n, hit, unix.ErrnoName(errno)), errno, r)
	return hit
}

// starve runs the operation with n descriptors, and reports whether it failed.
func (f *faulting) starve(t *testing.T, n int) bool {
	t.Helper()
	if err := f.limit(n); err != nil {
		t.Fatal(err)
	}
	r, err := f.do(f.name)
	if err := errors.Join(err, f.limit(-1)); err != nil {
		t.Fatal(err)
	}
	if r.Err == "" {
		return false
	}
	f.check(t, fmt.Sprintf("with %d descriptors", n), unix.EMFILE, r)
	return true
}

// check looks at what an operation said and left under a fault.
func (f *faulting) check(t *testing.T, fault string, errno unix.Errno, r reply) {
	t.Helper()
	f.faults++
	lie := func(format string, args ...any) {
		f.lies++
		f.found = append(f.found, fault+": "+fmt.Sprintf(format, args...))
	}
	switch {
	case r.Err == "":
		f.survived++
	case r.Panic:
		lie("%s", r.Err)
	case strings.Contains(r.Err, errLie.Error()):
		lie("%s", r.Err)
	case strings.Contains(r.Err, errUnexplained.Error()):
		f.errs++ // Explain says nothing rather than what it couldn't find out
	case r.NotSupported && errno != unix.EPERM:
		lie("%q says that the kernel lacks something", r.Err)
	case !slices.Contains(r.Is, errno) && !formattedAway(r.Err):
		lie("%q doesn't wrap %v", r.Err, errno)
	case len(strings.TrimSuffix(r.Err, errno.Error())) < 8:
		lie("%q names nothing", r.Err)
	default:
		f.errs++
	}
	f.mustLeaveNothing(t, fmt.Sprintf("%s (%s)", fault, r.Err), r.Keeps)
}

func (f *faulting) mustLeaveNothing(t *testing.T, fault string, keeps bool) {
	t.Helper()
	left, err := f.left(f.process, keeps)
	if err != nil {
		t.Fatal(err)
	}
	f.report(fault, left)
}

// mustLeaveNoIDs waits for what the kernel frees late.
func (f *faulting) mustLeaveNoIDs(t *testing.T) {
	t.Helper()
	if _, err := f.do(""); err != nil {
		t.Fatal(err)
	}
	left, err := f.idsLeft()
	if err != nil {
		t.Fatal(err)
	}
	f.report("after all faults", left)
}

func (f *faulting) report(fault string, left []string) {
	for _, what := range left {
		f.leaks++
		f.found = append(f.found, fmt.Sprintf("%s: left behind: %s", fault, what))
	}
}

// formattedAway reports whether cilium/ebpf makes such errors with %v or %s, so
// that errors.Is doesn't find the errno.
func formattedAway(text string) bool {
	for i := range lost {
		if strings.Contains(text, lost[i].text) {
			lost[i].seen = true
			return true
		}
	}
	return false
}

// lost are the errors of cilium/ebpf that lose the errno. TestFaults fails when
// one is mended.
var lost = []struct {
	text string
	old  bool // on kernels before 5.15 only
	seen bool
}{
	{text: "can't open cgroup: "},            // link.AttachCgroup
	{text: "cannot create bpf perf link: "},  // link.Tracepoint, Kprobe, Uprobe
	{text: "enable perf event: ", old: true}, // the same
	{text: "can't dup fd: "},                 // Program.Clone, Map.Clone
	{text: "link info: "},                    // Link.Info
	{text: ": object info with string: "},    // the same
}

// mended returns the errors that no fault gave although all were tried.
func mended(rows []row) (list []string) {
	const most = 50 // where the kernel lacks much, or few were asked for
	if sampling() || len(rows) < most {
		return nil
	}
	for _, l := range lost {
		if !l.seen && !l.old {
			list = append(list, l.text)
		}
	}
	return list
}

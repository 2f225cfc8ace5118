package testutil

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Patience is how long tests wait for what the kernel does later: it frees
// programs, maps and links some time after their last user is gone.
var Patience = 10 * time.Second

// Eventually polls cond and fails tb if it doesn't come true.
func Eventually(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	for end := time.Now().Add(Patience); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("after %v still not: %s", Patience, what)
		}
	}
}

// HaveLink reports whether the kernel has a link with this id.
func HaveLink(tb testing.TB, id link.ID) bool {
	tb.Helper()
	l, err := link.NewFromID(id)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		tb.Fatal(err)
	}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return true
}

// objects lists what the kernel and this process hold, one line each. Only
// programs have names there: see [IDs].
func objects() ([]string, error) {
	ids, err := IDs()
	if err != nil {
		return nil, err
	}
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
		if id.Kind == "program" {
			list[i] = describeProgram(ebpf.ProgramID(id.ID))
		}
	}
	return list, nil
}

// describeProgram names a program, unless it is gone already.
func describeProgram(id ebpf.ProgramID) string {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return fmt.Sprintf("program %d", id)
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return fmt.Sprintf("program %d", id)
	}
	return fmt.Sprintf("program %d %s (%v)", id, info.Name, info.Type)
}

// describeMap names a map, unless it is gone already.
func describeMap(id ebpf.MapID) string {
	m, err := ebpf.NewMapFromID(id)
	if err != nil {
		return fmt.Sprintf("map %d", id)
	}
	defer m.Close()
	info, err := m.Info()
	if err != nil {
		return fmt.Sprintf("map %d", id)
	}
	return fmt.Sprintf("map %d %s (%v)", id, info.Name, info.Type)
}

// descriptors lists the files that this process has open. Those of the Go
// runtime, which it opens when it first polls and never closes, are left out.
func descriptors() ([]string, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || strings.Contains(target, "[eventpoll]") || strings.Contains(target, "[eventfd]") {
			continue // the directory itself, or the runtime's
		}
		list = append(list, fmt.Sprintf("fd %s: %s", e.Name(), target))
	}
	return list, nil
}

// Main runs the tests of a package and fails if they left anything open in
// this process or behind in the kernel. It calls [os.Exit].
//
// Test binaries that use it wait for each other, so that none sees what
// another is about to remove. Each runs in a mount namespace of its own.
func Main(m *testing.M) {
	os.Exit(run(m))
}

// The main goroutine keeps the first thread: tests that change the namespaces of
// theirs must not be on one that doesn't end with them.
func init() { runtime.LockOSThread() }

func run(m *testing.M) int {
	// A fuzzer's workers run beside the process that has the lock.
	if os.Geteuid() != 0 || slices.Contains(os.Args, "-test.fuzzworker") {
		return m.Run()
	}
	if err := ownMounts(); err != nil {
		fmt.Fprintln(os.Stderr, "make a mount namespace:", err)
		return 1
	}
	unlock, err := lockMachine()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lock against other tests:", err)
		return 1
	}
	defer unlock()
	before, err := everything()
	if err != nil {
		fmt.Fprintln(os.Stderr, "list BPF objects:", err)
		return 1
	}
	code := m.Run()
	if left := leftBehind(before); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "left behind by the tests:\n\t%s\n", strings.Join(left, "\n\t"))
		return max(code, 1)
	}
	return code
}

// leftBehind returns what there is now, stays, and was not before. It waits for
// what the kernel frees late, and for the garbage collector, which unmaps the
// memory of global variables. What other processes hold doesn't count: the lock
// keeps out tests only.
func leftBehind(before []string) (left []string) {
	for end := time.Now().Add(Patience); ; time.Sleep(20 * time.Millisecond) {
		runtime.GC()
		now, err := everything()
		if err != nil {
			return []string{err.Error()}
		}
		if left == nil {
			// systemd loads and removes its own whenever it likes, and so do modules
			// their BTF.
			left = slices.DeleteFunc(slices.Clone(now), func(s string) bool {
				return slices.Contains(before, s) || strings.Contains(s, " sd_") || ofModule(s)
			})
		}
		left = slices.DeleteFunc(left, func(s string) bool { return !slices.Contains(now, s) })
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(end) {
			return nameMaps(slices.DeleteFunc(left, heldElsewhere))
		}
	}
}

// heldElsewhere is [HeldByOthers] for a line of everything.
func heldElsewhere(s string) bool {
	var id ID
	n, _ := fmt.Sscanf(s, "%s %d", &id.Kind, &id.ID)
	return n == 2 && HeldByOthers(id)
}

// ofModule reports whether s is BTF of the kernel or one of its modules.
func ofModule(s string) bool {
	var id btf.ID
	if n, _ := fmt.Sscanf(s, "btf %d", &id); n != 1 {
		return false
	}
	h, err := btf.NewHandleFromID(id)
	if err != nil {
		return false
	}
	defer h.Close()
	info, err := h.Info()
	return err == nil && info.IsKernel
}

// Describe returns an object with its name, unless it is gone already.
func Describe(id ID) string {
	switch id.Kind {
	case "program":
		return describeProgram(ebpf.ProgramID(id.ID))
	case "map":
		return describeMap(ebpf.MapID(id.ID))
	}
	return id.String()
}

// nameMaps adds the names of maps.
func nameMaps(list []string) []string {
	for i, s := range list {
		var id ebpf.MapID
		if n, _ := fmt.Sscanf(s, "map %d", &id); n == 1 {
			list[i] = describeMap(id)
		}
	}
	return list
}

func everything() ([]string, error) {
	list, err := objects()
	if err != nil {
		return nil, err
	}
	controls, err := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
	if err != nil {
		return nil, err
	}
	for _, name := range strings.Fields(string(controls)) {
		list = append(list, "congestion control "+name)
	}
	fds, err := descriptors()
	return append(list, fds...), err
}

// ownMounts starts the test binary anew in a mount namespace of its own, where
// it mounts tracefs if the machine hasn't: nothing that tests mount is seen
// elsewhere, or stays.
func ownMounts() error {
	const marker = "BPFX_TEST_MOUNTS=own"
	if slices.Contains(os.Environ(), marker) {
		return nil
	}
	exe, err := os.Executable() // before the path to it leads through another namespace
	if err != nil {
		return err
	}
	// Tests run themselves as users without rights, whom the umask of who has built
	// them may keep from that.
	if info, err := os.Stat(exe); err == nil && info.Mode()&0o005 != 0o005 {
		if err := os.Chmod(exe, 0o755); err != nil {
			return err
		}
	}
	runtime.LockOSThread() // exec keeps the namespaces of the thread that calls it
	defer runtime.UnlockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	// In a chroot whose root is not a mount point this is EINVAL. Then mounts may
	// be seen elsewhere, until the test that made them ends.
	err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	if _, err := os.Stat("/sys/kernel/tracing/events"); err != nil {
		if err := unix.Mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, ""); err != nil {
			return fmt.Errorf("mount tracefs: %w", err)
		}
	}
	if err := unix.Exec(exe, os.Args, append(os.Environ(), marker)); err != nil {
		return fmt.Errorf("start %s again: %w", exe, err)
	}
	return nil // never
}

// lockMachine waits until no other test binary runs.
func lockMachine() (unlock func(), err error) {
	dir := os.TempDir()
	if d := os.Getenv("BPFX_TEST_LOCK"); d != "" {
		dir = d // for the test of this package, which runs inside another
	}
	f, err := os.OpenFile(dir+"/bpfx-test.lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	slow := time.AfterFunc(5*time.Second, func() {
		fmt.Fprintln(os.Stderr, "waiting for other tests of bpfx on this machine, which hold", f.Name())
	})
	defer slow.Stop()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

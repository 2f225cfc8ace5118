package testutil

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/internal/kconfig"
)

// vmRemedy is what skips recommend when the running kernel is the reason.
const vmRemedy = "try another kernel: go run ./vmtest"

// NeedRoot skips tb unless it may load and attach programs.
func NeedRoot(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("skipping: needs root (try sudo -E go test ./..., or a VM: go run ./vmtest)")
	}
}

// NeedVM skips tb outside of a VM of vmtest. It is for what would do harm to the
// machine if the code under test were wrong.
func NeedVM(tb testing.TB, what string) {
	tb.Helper()
	NeedRoot(tb)
	if os.Getenv("BPFX_VMTEST") == "" {
		tb.Skipf("skipping %s: only in a VM (go run ./vmtest)", what)
	}
}

// NeedInitialPIDs skips tb in a container, where it can't know its own PIDs as
// the kernel sees them.
func NeedInitialPIDs(tb testing.TB) {
	tb.Helper()
	NeedRoot(tb)
	// PROC_PID_INIT_INO of include/linux/proc_ns.h
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		tb.Fatal(err)
	}
	if ns != "pid:[4026531836]" {
		tb.Skipf("skipping: needs the initial PID namespace (this is %s; try outside of the container)", ns)
	}
}

// NeedKernel skips tb on kernels older than since, a version such as "6.6".
// It is for what older kernels don't refuse, but do in another way;
// SkipIfNotSupported is for the rest.
func NeedKernel(tb testing.TB, since, feature string) {
	tb.Helper()
	if older(tb, since) {
		tb.Skipf("skipping %s: Requires Linux %s (this is %s; %s)", feature, since, kernelRelease(tb), vmRemedy)
	}
}

// SkipIfNotSupported skips tb if err says that the kernel lacks feature, and
// that may be: the kernel is older than since, or was built without one of
// configs, such as "CONFIG_KPROBES". It fails tb if err says so and that may
// not be. Other errors are left to the caller.
func SkipIfNotSupported(tb testing.TB, err error, feature, since string, configs ...string) {
	tb.Helper()
	if !errors.Is(err, ebpf.ErrNotSupported) {
		return
	}
	NeedKernel(tb, since, feature)
	for _, config := range configs {
		NeedConfig(tb, config, feature)
	}
	tb.Fatalf("%s: requires Linux %s, this is %s, but: %v", feature, since, kernelRelease(tb), err)
}

// NeedConfig skips tb unless the kernel is known to be built with an option,
// such as "CONFIG_KPROBES". It is for what has failed for want of it.
func NeedConfig(tb testing.TB, config, feature string) {
	tb.Helper()
	set, known := kernelConfig(config)
	if set {
		return
	}
	note := vmRemedy
	if !known {
		note = "this kernel doesn't tell its configuration; " + note
	}
	tb.Skipf("skipping %s: Requires %s (%s)", feature, config, note)
}

// KernelAtLeast reports whether the running kernel is version or newer.
func KernelAtLeast(tb testing.TB, version string) bool {
	tb.Helper()
	return !older(tb, version)
}

// older reports whether the running kernel is older than version.
func older(tb testing.TB, version string) bool {
	tb.Helper()
	var major, minor, gotMajor, gotMinor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		tb.Fatalf("kernel version %q: %v", version, err)
	}
	release := kernelRelease(tb)
	if _, err := fmt.Sscanf(release, "%d.%d", &gotMajor, &gotMinor); err != nil {
		tb.Fatalf("kernel release %q: %v", release, err)
	}
	return gotMajor < major || gotMajor == major && gotMinor < minor
}

// kernelConfig reports whether the running kernel was built with an option,
// and whether that is known at all. The file that BPFX_KERNEL_CONFIG names
// comes first: a guest may not have its own.
func kernelConfig(option string) (set, known bool) {
	if path := os.Getenv("BPFX_KERNEL_CONFIG"); path != "" {
		text, err := os.ReadFile(path)
		return kconfig.Parse(string(text)).Set(option), err == nil
	}
	config, _, err := kconfig.Read(os.DirFS("/"))
	return config.Set(option), err == nil
}

func kernelRelease(tb testing.TB) string {
	tb.Helper()
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		tb.Skipf("skipping: needs Linux with /proc (%v)", err)
	}
	return strings.TrimSpace(string(b))
}

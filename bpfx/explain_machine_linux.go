package bpfx

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/bpfx/go/internal/kconfig"
)

// machine is what can be read of a machine and its kernel. Tests make up
// their own.
type machine struct {
	root fs.FS // its root directory; paths in it go without the first slash

	once    sync.Once
	version string // what release returns
}

// thisMachine is the one that this process runs on.
var thisMachine = &machine{root: os.DirFS("/")}

// read returns the text of a file, and whether it could be read.
func (m *machine) read(path string) (string, bool) {
	b, err := fs.ReadFile(m.root, strings.TrimPrefix(path, "/"))
	return string(b), err == nil
}

// exists reports whether a file is there and can be seen.
func (m *machine) exists(path string) bool {
	_, err := fs.Stat(m.root, strings.TrimPrefix(path, "/"))
	return err == nil
}

// release returns the kernel's release, such as "6.1.0-50-amd64".
func (m *machine) release() string {
	m.once.Do(func() {
		text, _ := m.read("/proc/sys/kernel/osrelease")
		m.version = strings.TrimSpace(text)
	})
	return m.version
}

// before reports whether the kernel is known to be older than version, such as
// "5.8".
func (m *machine) before(version string) bool {
	var major, minor, wantMajor, wantMinor int
	if _, err := fmt.Sscanf(version, "%d.%d", &wantMajor, &wantMinor); err != nil {
		return false
	}
	if _, err := fmt.Sscanf(m.release(), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major < wantMajor || major == wantMajor && minor < wantMinor
}

// lacksOption returns the first of options that the kernel was built without,
// and the file that says so. It returns "" if there is none, or if the
// configuration can't be read.
func (m *machine) lacksOption(options []string) (option, where string) {
	if len(options) == 0 {
		return "", ""
	}
	config, where, err := kconfig.Read(m.root)
	if err != nil {
		return "", ""
	}
	for _, option := range options {
		if !config.Set(option) {
			return option, where
		}
	}
	return "", ""
}

// withoutOption is the cause of what a kernel can't do for want of an option.
func withoutOption(option, where string) *finding {
	return &finding{
		why:      "this kernel was built without " + option,
		evidence: []string{where + ": " + option + " is not set"},
		remedy:   "use a kernel that was built with " + option,
	}
}

// mounted returns where a filesystem of one of these types is mounted, "" if
// nowhere. known is false if the mounts can't be read.
func (m *machine) mounted(types ...string) (dir string, known bool) {
	mounts, ok := m.read("/proc/thread-self/mounts")
	if !ok {
		return "", false
	}
	for line := range strings.Lines(mounts) {
		if f := strings.Fields(line); len(f) > 2 {
			for _, typ := range types {
				if f[2] == typ {
					return f[1], true
				}
			}
		}
	}
	return "", true
}

// tracefs returns the directory of tracefs, "" if it isn't mounted. known is
// false if that can't be found out.
func (m *machine) tracefs() (dir string, known bool) {
	if dir, known = m.mounted("tracefs"); dir != "" || !known {
		return dir, known
	}
	debugfs, _ := m.mounted("debugfs")
	if debugfs == "" {
		return "", true
	}
	if dir = path.Join(debugfs, "tracing"); m.exists(dir) {
		return dir, true
	}
	return "", true
}

// noTracefs is the cause of what fails without tracefs, nil if it is mounted.
func (m *machine) noTracefs() *finding {
	if dir, known := m.tracefs(); dir != "" || !known {
		return nil
	}
	return &finding{
		why:      "tracefs is not mounted",
		evidence: []string{"/proc/thread-self/mounts lists no tracefs"},
		remedy:   "mount -t tracefs tracefs /sys/kernel/tracing, and start this process again: it remembers",
	}
}

// noBTF is the cause of what fails without the kernel's BTF, nil if the kernel
// has it.
func (m *machine) noBTF() *finding {
	const file = "/sys/kernel/btf/vmlinux"
	if !m.exists("/sys/kernel") || m.exists(file) {
		return nil
	}
	if option, where := m.lacksOption([]string{"CONFIG_DEBUG_INFO_BTF"}); option != "" {
		return withoutOption(option, where)
	}
	return &finding{
		why:      "this kernel has no BTF",
		evidence: []string{file + " doesn't exist"},
		remedy:   "use a kernel that was built with CONFIG_DEBUG_INFO_BTF, or give its BTF with the load options",
	}
}

// noBPFFS is the cause of a pin that isn't on a bpf filesystem, nil if there is
// no telling.
func (m *machine) noBPFFS() *finding {
	dir, known := m.mounted("bpf")
	switch {
	case !known:
		return nil
	case dir == "":
		return &finding{
			why:      "no bpf filesystem is mounted",
			evidence: []string{"/proc/thread-self/mounts lists none"},
			remedy:   "mount -t bpf bpf /sys/fs/bpf",
		}
	}
	return &finding{
		why:      "that is on another filesystem than bpf",
		evidence: []string{"/proc/thread-self/mounts: a bpf filesystem is mounted at " + dir},
		remedy:   "pin below " + dir,
	}
}

package bpfx

import (
	"path"
	"slices"
	"strings"
)

// mounted returns where a filesystem of one of these types is mounted, "" if
// nowhere. known is false if the mounts can't be read.
func (m *machine) mounted(types ...string) (dir string, known bool) {
	mounts, ok := m.read("/proc/thread-self/mounts")
	if !ok {
		return "", false
	}
	for line := range strings.Lines(mounts) {
		if f := strings.Fields(line); len(f) > 2 {
			if slices.Contains(types, f[2]) {
				return f[1], true
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

// vmlinuxBTF is the kernel's BTF.
const vmlinuxBTF = "/sys/kernel/btf/vmlinux"

// noBTF is the cause of what fails without the kernel's BTF, nil if the kernel
// has it.
func (m *machine) noBTF() *finding {
	if !m.exists("/sys/kernel") || m.exists(vmlinuxBTF) {
		return nil
	}
	if option, where := m.lacksOption([]string{"CONFIG_DEBUG_INFO_BTF"}); option != "" {
		return withoutOption(option, where)
	}
	return &finding{
		why:      "this kernel has no BTF",
		evidence: []string{vmlinuxBTF + " doesn't exist"},
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

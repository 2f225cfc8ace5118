package bpfx

import (
	"path"

	"github.com/bpfx/go/internal/mounts"
)

// tracefs returns the directory of tracefs, "" if it isn't mounted. known is
// false if that can't be found out.
func (m *machine) tracefs() (dir string, known bool) {
	list, err := mounts.Read(m.root)
	if err != nil {
		return "", false
	}
	for _, mount := range list {
		if mount.Type == "tracefs" && mount.Root == "/" {
			return mount.Dir, true
		}
	}
	for _, mount := range list { // as kernels before 4.1 had it
		if dir = path.Join(mount.Dir, "tracing"); mount.Type == "debugfs" && mount.Root == "/" && m.exists(dir) {
			return dir, true
		}
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
		evidence: []string{mounts.File + " lists no tracefs"},
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
	dir, err := mounts.Of(m.root, "bpf")
	switch {
	case err != nil:
		return nil
	case dir == "":
		return &finding{
			why:      "no bpf filesystem is mounted",
			evidence: []string{mounts.File + " lists none"},
			remedy:   "mount -t bpf bpf /sys/fs/bpf",
		}
	}
	return &finding{
		why:      "that is on another filesystem than bpf",
		evidence: []string{mounts.File + ": a bpf filesystem is mounted at " + dir},
		remedy:   "pin below " + dir,
	}
}

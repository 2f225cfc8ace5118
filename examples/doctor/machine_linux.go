package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine reads what BPF depends on.
func machine() []Fact {
	facts := []Fact{
		{"kernel", kernelName()},
		{"JIT", jit()},
		{"BTF", kernelBTF()},
		{"capabilities", capabilities()},
		{"unprivileged BPF", unprivileged()},
		{"lockdown", lockdown()},
		{"security modules", read("/sys/kernel/security/lsm")},
	}
	for _, fs := range []string{"bpf", "tracefs", "cgroup2"} {
		at := mountPoint(fs)
		if at == "" {
			at = "not mounted"
		}
		facts = append(facts, Fact{fs, at})
	}
	return facts
}

// read returns what a file says, or why it can't be read.
func read(path string) string {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "unknown: no " + path
	}
	if err != nil {
		return fmt.Sprintf("unknown (%v)", err)
	}
	return strings.TrimSpace(string(text))
}

func kernelName() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %s %s", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]), runtime.GOARCH)
}

// jit says whether programs are compiled (Documentation/admin-guide/sysctl/net.rst).
func jit() string {
	switch s := read("/proc/sys/net/core/bpf_jit_enable"); s {
	case "0":
		return "off"
	case "1":
		return "on"
	case "2":
		return "on, for debugging"
	default:
		return s
	}
}

func kernelBTF() string {
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return "none (CONFIG_DEBUG_INFO_BTF)"
	}
	entries, err := os.ReadDir("/sys/kernel/btf")
	if err != nil {
		return "of the kernel"
	}
	return fmt.Sprintf("of the kernel and %d modules", len(entries)-1)
}

// capabilities returns those that the process has of the ones that BPF takes.
func capabilities() string {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Sprintf("unknown (%v)", err)
	}
	var have []string
	for _, c := range []struct {
		bit  int
		name string
	}{
		{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
		{unix.CAP_BPF, "CAP_BPF"},
		{unix.CAP_PERFMON, "CAP_PERFMON"},
		{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	} {
		if data[c.bit/32].Effective&(1<<(c.bit%32)) != 0 {
			have = append(have, c.name)
		}
	}
	if len(have) == 0 {
		return "none of those that BPF takes"
	}
	return strings.Join(have, " ")
}

// unprivileged says who may use BPF (Documentation/admin-guide/sysctl/kernel.rst).
func unprivileged() string {
	switch s := read("/proc/sys/kernel/unprivileged_bpf_disabled"); s {
	case "0":
		return "allowed"
	case "1":
		return "disabled until the next boot"
	case "2":
		return "disabled"
	default:
		return s
	}
}

// lockdown returns the mode of the kernel's lockdown, which stands in brackets.
func lockdown() string {
	s := read("/sys/kernel/security/lockdown")
	if _, after, ok := strings.Cut(s, "["); ok {
		s, _, _ = strings.Cut(after, "]")
	}
	return s
}

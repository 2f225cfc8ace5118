package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// kvmWorks reports whether KVM can really run an ordinary kernel, and if not, why. A /dev/kvm
// that opens says little (inside some VMs it then fails), so a kernel is booted with it, to the
// panic for want of a root: that takes about a second where KVM works.
func kvmWorks(ctx context.Context, image, dir string) (bool, string) {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false, err.Error()
	}
	f.Close()
	if info, err := os.Stat(image); err != nil || !info.Mode().IsRegular() {
		return true, "" // a version that vng downloads: nothing to try with
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	serial := filepath.Join(dir, "kvm.log")
	cmd := exec.Command("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-machine", "q35,accel=kvm", "-cpu", "host", "-m", "512M", "-serial", "file:"+serial,
		"-kernel", image, "-append", "console=ttyS0 quiet panic=-1")
	var said bytes.Buffer
	cmd.Stderr = &said
	g, err := startGroup(cmd)
	if err != nil {
		return false, err.Error()
	}
	defer g.Kill()
	select {
	case <-ctx.Done():
		return false, "a kernel doesn't boot with it in 30 s"
	case <-g.done:
	}
	log, err := os.ReadFile(serial)
	if g.err != nil || err != nil || !bytes.Contains(log, []byte("Kernel panic")) {
		return false, fmt.Sprintf("QEMU can't boot a kernel with it (%s)", firstLine(said.String()))
	}
	return true, ""
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

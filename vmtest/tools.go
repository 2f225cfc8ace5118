package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tool is a program that the runner needs and the Debian package that has it.
type tool struct {
	Package string
	Any     []string // names or paths, one of which must be there
}

var tools = []tool{
	{"virtme-ng", []string{"vng"}},
	{"qemu-system-x86", []string{"qemu-system-x86_64"}},
	{"busybox-static", []string{"busybox-static", "busybox"}},
	{"udev", []string{"/usr/lib/systemd/systemd-udevd", "/lib/systemd/systemd-udevd", "udevd"}},
	{"kmod", []string{"modprobe"}},
	{"iproute2", []string{"ip"}},
	{"file", []string{"file"}},
}

// unpackTools are needed by setup only.
var unpackTools = []tool{
	{"xz-utils", []string{"xz"}},
	{"kmod", []string{"depmod"}},
}

// missingTools lists the packages whose programs lookup doesn't find.
func missingTools(tools []tool, lookup func(string) (string, error)) []string {
	var missing []string
	for _, t := range tools {
		found := false
		for _, name := range t.Any {
			_, err := lookup(name)
			found = found || err == nil
		}
		if !found {
			missing = append(missing, t.Package)
		}
	}
	return missing
}

// checkTools returns one error that names everything missing and the remedy.
func checkTools() error {
	missing := missingTools(tools, exec.LookPath)
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("missing on this machine: %s; `make vmtest-setup` (go run ./vmtest setup) installs them", strings.Join(missing, ", "))
}

// sbinPath adds the directories of administrators' programs to a PATH that lacks them.
func sbinPath(path string) string {
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if !strings.Contains(":"+path+":", ":"+dir+":") {
			path += ":" + dir
		}
	}
	return path
}

// installTools installs the packages with the machine's own apt. virtme-ng may be newer than
// the machine's release: fetch then gets its package from the archive.
func installTools(ctx context.Context, missing []string, log io.Writer, fetch func() (string, error)) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing on this machine: %s; there is no apt-get: install them with your package manager", strings.Join(missing, ", "))
	}
	args := []string{"install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"}
	for _, name := range missing {
		if name == "virtme-ng" && !hasCandidate(ctx, name) {
			file, err := fetch()
			if err != nil {
				return fmt.Errorf("fetch virtme-ng: %w", err)
			}
			name = file
		}
		args = append(args, name)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("missing on this machine: %s; as root run\n\tapt-get %s", strings.Join(missing, ", "), strings.Join(args, " "))
	}
	fmt.Fprintf(log, "setup: installing %s\n", strings.Join(missing, ", "))
	err := aptInstall(ctx, args, log)
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(log, "setup: the package lists may be old: apt-get update")
		// A third party's archive may be down and ours fine, so only the second try counts.
		_, updateErr := output(ctx, "", nil, "apt-get", "-q", "update")
		err = errors.Join(aptInstall(ctx, args, log), updateErr)
		if still := missingTools(tools, exec.LookPath); err != nil && len(still) == 0 {
			err = nil
		}
	}
	return err
}

func aptInstall(ctx context.Context, args []string, log io.Writer) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("apt-get %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// hasCandidate reports whether the machine's own apt can install a package.
func hasCandidate(ctx context.Context, name string) bool {
	out, err := output(ctx, "", nil, "apt-cache", "policy", name)
	_, after, found := strings.Cut(out, "Candidate: ")
	return err == nil && found && !strings.HasPrefix(after, "(none)")
}

// fetchVirtmeNG downloads virtme-ng's package with the private apt.
func fetchVirtmeNG(ctx context.Context, a *apt, dir string) (string, error) {
	packages, err := a.Show(ctx, []string{"virtme-ng"})
	if err != nil {
		return "", err
	}
	files, err := a.Download(ctx, dir, packages)
	if err != nil {
		return "", err
	}
	return filepath.Abs(files[0])
}

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// unpackKernel lays the files of a kernel's packages out in dir as virtme-ng wants them:
// boot/vmlinuz-RELEASE, boot/config-RELEASE and lib/modules/RELEASE. No maintainer script runs.
func unpackKernel(ctx context.Context, dir string, debs, modules []string) (Kernel, error) {
	for _, deb := range debs {
		if _, err := output(ctx, "", nil, "dpkg-deb", "-x", deb, dir); err != nil {
			return Kernel{}, fmt.Errorf("unpack: %w", err)
		}
	}
	release, err := moveModules(dir)
	if err != nil {
		return Kernel{}, err
	}
	k := Kernel{Release: release, Image: "boot/vmlinuz-" + release, Config: "boot/config-" + release}
	// Since 7.2 image and config lie with the modules.
	if err := moveUnless(filepath.Join(dir, k.Image), filepath.Join(dir, "lib/modules", release, "vmlinuz")); err != nil {
		return Kernel{}, err
	}
	if err := moveUnless(filepath.Join(dir, k.Config), filepath.Join(dir, "lib/modules", release, "config")); err != nil {
		return Kernel{}, err
	}
	if _, err := output(ctx, "", nil, "depmod", "-b", dir, release); err != nil {
		return Kernel{}, fmt.Errorf("index modules: %w", err)
	}
	if err := decompressModules(ctx, dir, release, modules); err != nil {
		return Kernel{}, err
	}
	if _, err := output(ctx, "", nil, "depmod", "-b", dir, release); err != nil {
		return Kernel{}, fmt.Errorf("index modules: %w", err)
	}
	return k, nil
}

// moveModules brings the modules to lib/modules and leaves nothing in usr but a way to them
// for a kmod that looks there. It returns the kernel's release.
func moveModules(dir string) (string, error) {
	from, to := filepath.Join(dir, "usr/lib/modules"), filepath.Join(dir, "lib/modules")
	if _, err := os.Stat(from); err == nil {
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", fmt.Errorf("unpack: %w", err)
		}
		if err := os.Rename(from, to); err != nil {
			return "", fmt.Errorf("unpack: %w", err)
		}
	}
	releases, err := os.ReadDir(to)
	if err != nil || len(releases) != 1 {
		return "", fmt.Errorf("unpack: want one directory in %s, found %d", to, len(releases))
	}
	if err := os.RemoveAll(filepath.Join(dir, "usr")); err != nil {
		return "", fmt.Errorf("unpack: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "usr"), 0o755); err != nil {
		return "", fmt.Errorf("unpack: %w", err)
	}
	if err := os.Symlink("../lib", filepath.Join(dir, "usr/lib")); err != nil {
		return "", fmt.Errorf("unpack: %w", err)
	}
	return releases[0].Name(), nil
}

// moveUnless moves from to to unless to is there.
func moveUnless(to, from string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("unpack: the packages have neither %s nor it with the modules: %w", filepath.Base(to), err)
	}
	return nil
}

var insmodRE = regexp.MustCompile(`(?m)^insmod (\S+)`)

// decompressModules unpacks the modules named and what they need: virtme-ng puts some of them
// into an initramfs whose insmod can't. The others stay small.
func decompressModules(ctx context.Context, dir, release string, names []string) error {
	seen := map[string]bool{}
	for _, name := range names {
		// A module that isn't there is built in, or younger than this kernel.
		out, err := output(ctx, "", nil, "modprobe", "-d", dir, "-S", release, "-C", "/dev/null", "--show-depends", name)
		if ctx.Err() != nil {
			return err
		}
		for _, m := range insmodRE.FindAllStringSubmatch(out, -1) {
			file := m[1]
			if seen[file] {
				continue
			}
			seen[file] = true
			var unpackErr error
			switch {
			case strings.HasSuffix(file, ".xz"):
				_, unpackErr = output(ctx, "", nil, "xz", "-d", file)
			case strings.HasSuffix(file, ".zst"):
				_, unpackErr = output(ctx, "", nil, "zstd", "-d", "-q", "--rm", file)
			}
			if unpackErr != nil {
				return fmt.Errorf("decompress modules: %w", unpackErr)
			}
		}
	}
	return nil
}

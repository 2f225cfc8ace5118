package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// prebuiltRE matches the name of an upstream release, for which vng has a prebuilt kernel.
var prebuiltRE = regexp.MustCompile(`^v[0-9]+\.[0-9]+(\.[0-9]+)?(-rc[0-9]+)?$`)

// prebuiltLimit bounds the download of one kernel.
const prebuiltLimit = 15 * time.Minute

// prebuilt has vng download a kernel, unless it has it already: a dry run stops short of
// booting it.
func prebuilt(ctx context.Context, name string, log io.Writer) (target, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return target{}, fmt.Errorf("kernel %s: %w", name, err)
	}
	boot := filepath.Join(home, ".cache/virtme-ng", name, runtime.GOARCH, "boot")
	image := prebuiltImage(boot)
	if image == "" {
		fmt.Fprintf(log, "%s: vng downloads it\n", name)
		ctx, cancel := context.WithTimeoutCause(ctx, prebuiltLimit, fmt.Errorf("took longer than %v", prebuiltLimit))
		defer cancel()
		if _, err := output(ctx, "", nil, "vng", "-r", name, "--dry-run"); err != nil {
			return target{}, fmt.Errorf("kernel %s: vng can't download it (is there a network, and such a version?): %s", name, lastLines(strings.TrimSpace(err.Error()), 1))
		}
		if image = prebuiltImage(boot); image == "" {
			return target{}, fmt.Errorf("kernel %s: vng left no kernel in %s", name, boot)
		}
	}
	return target{Label: name, Image: image, Configs: []string{filepath.Join(boot, "config-%s")}}, nil
}

// prebuiltImage finds the kernel image in a directory, empty if there is none.
func prebuiltImage(boot string) string {
	images, err := filepath.Glob(filepath.Join(boot, "vmlinuz*generic"))
	if err != nil || len(images) == 0 {
		return ""
	}
	return images[0]
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// findTargets resolves the kernels of a run; each that is missing is named.
func findTargets(ctx context.Context, o *options, cache *Cache, log io.Writer) ([]target, error) {
	catalogue, err := loadCatalogue()
	if err != nil {
		return nil, err
	}
	if o.kernel != "" {
		t, err := pathTarget(o.kernel)
		t.Modules = catalogue.TestModules
		return []target{t}, err
	}
	names := o.kernels
	if len(names) == 0 {
		names = catalogue.Names()
		if o.shell {
			names = names[len(names)-1:]
		}
	}
	if o.shell && len(names) > 1 {
		return nil, errors.New("-shell: name one kernel")
	}
	var targets []target
	var errs []error
	for _, name := range names {
		t, err := namedTarget(ctx, name, catalogue, cache, log)
		t.Modules = catalogue.TestModules
		targets, errs = append(targets, t), append(errs, err)
	}
	return targets, errors.Join(errs...)
}

func namedTarget(ctx context.Context, name string, catalogue *Catalogue, cache *Cache, log io.Writer) (target, error) {
	if prebuiltRE.MatchString(name) {
		return prebuilt(ctx, name, log)
	}
	series, err := catalogue.Select([]string{name})
	if err != nil {
		return target{}, err
	}
	if runtime.GOARCH != "amd64" {
		return target{}, fmt.Errorf("kernel %s: vmtest/kernels.json is for amd64: use -kernel PATH or vX.Y", name)
	}
	k, err := cache.Kernel(name)
	if err != nil {
		return target{}, err
	}
	return target{Label: name, Image: k.Image, Append: series[0].Append, Configs: []string{k.Config}}, nil
}

// pathTarget is a kernel of the user's own: an image in a build tree, in /boot or in an
// unpacked package.
func pathTarget(path string) (target, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return target{}, fmt.Errorf("-kernel: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return target{}, fmt.Errorf("-kernel: %w", err)
	}
	if !info.Mode().IsRegular() {
		return target{}, fmt.Errorf("-kernel %s: want a kernel image", path)
	}
	dir := filepath.Dir(path)
	return target{Label: filepath.Base(path), Image: path, Configs: []string{
		filepath.Join(dir, "config-%s"), filepath.Join(dir, "config"), filepath.Join(dir, ".config"),
		filepath.Join(dir, "../../../.config"), "/boot/config-%s", "/lib/modules/%s/config", "/lib/modules/%s/build/.config",
	}}, nil
}

// useKVM decides between KVM and emulation, and says so.
func useKVM(ctx context.Context, o *options, image, dir string, log io.Writer) (bool, error) {
	if o.kvm == "off" {
		return false, nil
	}
	works, why := kvmWorks(ctx, image, dir)
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	switch {
	case works:
		return true, nil
	case o.kvm == "on":
		return false, fmt.Errorf("-kvm on: KVM can't be used: %s", why)
	}
	fmt.Fprintf(log, "vmtest: emulation, for KVM can't be used: %s\n", why)
	return false, nil
}

// keepRuns is how long the logs of failed runs are kept.
const keepRuns = 3 * 24 * time.Hour

// newRun makes a directory for one run, with the runner itself where the guest sees it, and
// clears away old ones.
func newRun(cache *Cache) (dir, exe string, err error) {
	if err := checkSpace(cache.Dir, 256<<20); err != nil {
		return "", "", err
	}
	runs := filepath.Join(cache.Dir, "runs")
	old, _ := os.ReadDir(runs) // not there yet: nothing to clear
	for _, entry := range old {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > keepRuns {
			if err := os.RemoveAll(filepath.Join(runs, entry.Name())); err != nil {
				return "", "", fmt.Errorf("clear old runs: %w", err)
			}
		}
	}
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return "", "", fmt.Errorf("prepare the run: %w", err)
	}
	dir, err = os.MkdirTemp(runs, time.Now().Format("20060102-150405-"))
	if err != nil {
		return "", "", fmt.Errorf("prepare the run: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		return "", "", fmt.Errorf("prepare the run: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return "", "", fmt.Errorf("prepare the run: %w", err)
	}
	exe = filepath.Join(dir, "bin", "vmtest")
	return dir, exe, copyFile(self, exe)
}

// endRun removes a run's directory, or only the binaries if the logs are to be kept.
func endRun(dir string, ok bool) error {
	if !ok {
		dir = filepath.Join(dir, "bin")
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	return nil
}

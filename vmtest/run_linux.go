package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/internal/kconfig"
)

func guestMain(args []string) error {
	switch {
	case len(args) == 1:
		return guest(args[0], false)
	case len(args) == 2 && args[1] == "shell":
		return guest(args[0], true)
	}
	return fmt.Errorf("guest is for the runner itself")
}

func setupMain(ctx context.Context, o *options, log io.Writer) error {
	if err := os.Setenv("PATH", sbinPath(os.Getenv("PATH"))); err != nil {
		return fmt.Errorf("set PATH: %w", err)
	}
	catalogue, err := loadCatalogue()
	if err != nil {
		return err
	}
	var names, prebuilts []string
	for _, name := range o.kernels {
		if prebuiltRE.MatchString(name) {
			prebuilts = append(prebuilts, name)
		} else {
			names = append(names, name)
		}
	}
	var series []Series
	if len(names) > 0 || len(prebuilts) == 0 {
		if series, err = catalogue.Select(names); err != nil {
			return err
		}
	}
	cache, err := openCache(os.Getenv)
	if err != nil {
		return err
	}
	if err := setup(ctx, cache, series, o.upgrade, log); err != nil {
		return err
	}
	for _, name := range prebuilts {
		if _, err := prebuilt(ctx, name, log); err != nil {
			return err
		}
		fmt.Fprintf(log, "setup: %s is in vng's cache\n", name)
	}
	return nil
}

// runMain runs tests, a command or a shell.
func runMain(ctx context.Context, o *options, stdout, stderr io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go endWithGoRun(ctx, cancel)
	if err := os.Setenv("PATH", sbinPath(os.Getenv("PATH"))); err != nil {
		return fmt.Errorf("set PATH: %w", err)
	}
	features, err := parseFeatures(featuresText)
	if err != nil {
		return err
	}
	cache, err := openCache(os.Getenv)
	if err != nil {
		return err
	}
	if err := checkTools(); err != nil {
		return err
	}
	// Before a kernel is looked for: a setup may be putting another in its place.
	unlock, err := lockCache(ctx, cache, unix.LOCK_SH, stderr)
	if err != nil {
		return err
	}
	defer unlock()
	targets, err := findTargets(ctx, o, cache, stderr)
	if err != nil {
		return err
	}
	dir, exe, err := newRun(cache)
	if err != nil {
		return err
	}
	m := &matrix{options: o, dir: dir, exe: exe, features: features, progress: newProgress(stderr)}
	ok, err := m.main(ctx, targets, stdout, stderr)
	if keepErr := endRun(dir, ok); keepErr != nil {
		err = errors.Join(err, keepErr)
	}
	if !ok {
		fmt.Fprintf(stderr, "vmtest: output and kernel logs are in %s\n", dir)
	}
	return err
}

// main builds what is to run, runs it and reports. ok is false if the logs are worth keeping.
func (m *matrix) main(ctx context.Context, targets []target, stdout, stderr io.Writer) (ok bool, err error) {
	o, begin := m.options, time.Now()
	if m.kvm, err = useKVM(ctx, o, targets[0].Image, m.dir, stderr); err != nil {
		return true, err
	}
	if o.shell {
		return true, m.shell(ctx, targets[0])
	}
	if err := m.build(ctx); err != nil {
		return true, err
	}
	if o.verbose || len(o.command) > 0 {
		m.stream = stdout
	}
	reports := stdout
	if o.json {
		reports = stderr
	}
	m.report = func(r *KernelResult) { printKernel(reports, r) }
	results, err := m.run(ctx, targets)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if len(o.command) > 0 {
		return commandOutcome(results, err)
	}
	if o.update {
		err = errors.Join(err, updateExpectations(o, results, stderr))
	}
	if o.json {
		err = errors.Join(err, printJSON(stdout, results, time.Since(begin)))
	} else {
		printTable(stdout, results, time.Since(begin))
	}
	if err == nil && !green(results) {
		err = &exitError{1, &silentError{errors.New("not green")}}
	}
	return err == nil, err
}

// commandOutcome makes a command's exit code the runner's, if it ran on one kernel.
func commandOutcome(results []*KernelResult, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	code := 0
	for _, r := range results {
		switch {
		case len(r.Problems) > 0 || !r.Items[0].Ended || r.Items[0].Why != "":
			return false, &exitError{1, fmt.Errorf("%s: %s", r.Label, strings.Join(append(r.Problems, r.Items[0].Why), "; "))}
		case r.Items[0].Exit != 0 && len(results) == 1:
			code = r.Items[0].Exit
		case r.Items[0].Exit != 0:
			code = 1
		}
	}
	if code != 0 {
		return true, &exitError{code, &silentError{fmt.Errorf("exit code %d", code)}}
	}
	return true, nil
}

func (m *matrix) build(ctx context.Context) error {
	bin := filepath.Join(m.dir, "bin")
	if len(m.options.command) > 0 {
		item, err := buildCommand(ctx, bin, m.options)
		m.items = []Item{item}
		return err
	}
	packages, err := listPackages(ctx, m.options.packages)
	if err != nil {
		return err
	}
	m.progress.Show("build", fmt.Sprintf("tests of %d packages", len(packages)), "")
	m.items, err = buildTests(ctx, bin, m.options, packages)
	return err
}

// updateExpectations rewrites the expectations of the series that ran to their end.
func updateExpectations(o *options, results []*KernelResult, log io.Writer) error {
	for _, r := range results {
		text, err := os.ReadFile(filepath.Join(r.Dir, "config"))
		if r.Release == "" || err != nil {
			fmt.Fprintf(log, "%s: not updated: the guest came to nothing\n", r.Label)
			continue
		}
		old, _, err := loadExpectation(r.Series())
		if err != nil {
			return err
		}
		var tests []Test
		whole := map[string]bool{}
		for _, item := range r.Items {
			tests = append(tests, item.Tests...)
			whole[item.Name] = o.run == "" && item.Ended && item.Exit == 0
		}
		fresh := old.updated(tests, whole, r.Release, kconfig.Parse(string(text)))
		if err := writeExpectation("vmtest", r.Series(), fresh); err != nil {
			return err
		}
	}
	return nil
}

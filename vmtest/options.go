package main

import (
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// options are the flags of a run.
type options struct {
	kernels  []string
	kernel   string // path of an image
	run      string
	packages []string
	json     bool
	verbose  bool
	shell    bool
	race     bool
	update   bool
	upgrade  bool
	kvm      string
	jobs     int
	timeout  time.Duration
	command  []string
}

const usage = `usage: go run ./vmtest [flags] [-- command ...]   run tests, or a command, on real kernels in VMs
       go run ./vmtest setup [-kernels ...] [-upgrade]  install virtme-ng and QEMU, fetch kernels
       go run ./vmtest support [-check]                 write docs/support.md, or compare it

`

// parseOptions reads the flags of a run or of setup. What comes after "--" is a command.
func parseOptions(args []string, out io.Writer) (*options, error) {
	o := &options{}
	if i := slices.Index(args, "--"); i >= 0 {
		args, o.command = args[:i], args[i+1:]
		if len(o.command) == 0 {
			return nil, fmt.Errorf("no command after --")
		}
	}
	var kernels, packages string
	f := flag.NewFlagSet("vmtest", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		fmt.Fprint(out, usage)
		f.PrintDefaults()
	}
	f.StringVar(&kernels, "kernels", "", "`series` to run, such as 6.1,6.12; vX.Y is a prebuilt one that vng downloads (default: all of vmtest/kernels.json)")
	f.StringVar(&o.kernel, "kernel", "", "boot the kernel image at `path`")
	f.StringVar(&o.run, "run", "", "run only the tests that match `regexp`")
	f.StringVar(&packages, "packages", "./...", "package `patterns` to test, separated by commas")
	f.BoolVar(&o.json, "json", false, "print the results as JSON instead of a table")
	f.BoolVar(&o.verbose, "v", false, "print the programs' output while they run")
	f.BoolVar(&o.shell, "shell", false, "start a shell in the VM instead of tests")
	f.BoolVar(&o.race, "race", false, "build with the race detector (needs cgo)")
	f.BoolVar(&o.update, "update", false, "rewrite vmtest/expect from this run's verified skips")
	f.BoolVar(&o.upgrade, "upgrade", false, "setup: fetch newer kernels of cached series, too")
	f.StringVar(&o.kvm, "kvm", "auto", "auto, on or off; auto tries whether KVM can boot a kernel")
	f.IntVar(&o.jobs, "j", 2, "`VMs` at a time")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "time limit of each package, or of the command")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.kernels, o.packages = splitList(kernels), splitList(packages)
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected %q: a command needs -- before it", f.Arg(0))
	}
	return o, o.check()
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// check finds flags that make no sense, before anything starts.
func (o *options) check() error {
	if _, err := regexp.Compile(o.run); err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	switch {
	case o.kernel != "" && len(o.kernels) > 0:
		return fmt.Errorf("-kernel and -kernels exclude each other")
	case o.jobs < 1:
		return fmt.Errorf("-j %d: want at least 1", o.jobs)
	case o.timeout <= 0:
		return fmt.Errorf("-timeout %v: want more than 0", o.timeout)
	case !slices.Contains([]string{"auto", "on", "off"}, o.kvm):
		return fmt.Errorf("-kvm %s: want auto, on or off", o.kvm)
	case len(o.packages) == 0:
		return fmt.Errorf("-packages is empty")
	case o.shell && len(o.command) > 0:
		return fmt.Errorf("-shell takes no command")
	}
	return nil
}

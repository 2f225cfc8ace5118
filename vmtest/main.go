// Vmtest runs this module's tests, or any command, on real kernels in virtual machines.
//
// It boots each kernel in virtme-ng, with KVM where that works and QEMU's emulation
// elsewhere, runs all packages' tests as root in one boot, and holds the skips against
// vmtest/expect. CONTRIBUTING.md says how to use it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		cancel(errInterrupted)
	}()
	err := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	var silent *silentError
	if err != nil && !errors.As(err, &silent) && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "vmtest: %v\n", err)
	}
	os.Exit(exitCode(err))
}

// silentError is an error that has been reported already.
type silentError struct{ error }

func (e *silentError) Unwrap() error { return e.error }

// execute is the program without its process: it picks the subcommand.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "guest":
			return guestMain(args[1:])
		case "support":
			return supportMain(args[1:], stderr)
		case "setup":
			o, err := parseOptions(args[1:], stderr)
			if err != nil {
				return err
			}
			return setupMain(ctx, o, stderr)
		}
	}
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	return runMain(ctx, o, stdout, stderr)
}

// supportMain writes docs/support.md, or with -check says whether it is up to date.
func supportMain(args []string, stderr io.Writer) error {
	f := flag.NewFlagSet("vmtest support", flag.ContinueOnError)
	f.SetOutput(stderr)
	check := f.Bool("check", false, "compare instead of writing")
	file := f.String("o", "docs/support.md", "`file` to write")
	if err := f.Parse(args); err != nil {
		return err
	}
	text, err := supportDocument()
	if err != nil {
		return err
	}
	if !*check {
		if err := os.WriteFile(*file, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the support table: %w", err)
		}
		return nil
	}
	old, err := os.ReadFile(*file)
	if err != nil {
		return fmt.Errorf("compare the support table: %w", err)
	}
	if string(old) != text {
		return &exitError{1, fmt.Errorf("%s is out of date: run `go run ./vmtest support`", *file)}
	}
	return nil
}

// supportDocument renders the table from the embedded files.
func supportDocument() (string, error) {
	catalogue, err := loadCatalogue()
	if err != nil {
		return "", err
	}
	features, err := parseFeatures(featuresText)
	if err != nil {
		return "", err
	}
	expect := map[string]Expectation{}
	for _, series := range catalogue.Names() {
		if expect[series], _, err = loadExpectation(series); err != nil {
			return "", err
		}
	}
	return supportTable(features, catalogue.Names(), expect), nil
}

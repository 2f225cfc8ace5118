package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// goPackage is what go list says of a package.
type goPackage struct {
	ImportPath, Dir, Name     string
	TestGoFiles, XTestGoFiles []string
	Module                    *struct{ Path string }
}

// relative is the package's path within its module, "." for the root.
func (p goPackage) relative() string {
	if p.Module == nil {
		return p.ImportPath
	}
	rest := strings.TrimPrefix(p.ImportPath, p.Module.Path)
	if rest == "" {
		return "."
	}
	return strings.TrimPrefix(rest, "/")
}

// buildEnv makes binaries that run in any guest: static, unless the race detector needs cgo.
func buildEnv(race bool) []string {
	if race {
		return []string{"CGO_ENABLED=1", "GOOS=linux"}
	}
	return []string{"CGO_ENABLED=0", "GOOS=linux"}
}

// kernelless are packages whose tests have nothing to do with the kernel, and take long under
// emulation.
var kernelless = map[string]bool{"vmtest": true, "docs": true}

// listPackages returns the packages with tests that match the patterns, without those whose
// tests need no kernel.
func listPackages(ctx context.Context, patterns []string) ([]goPackage, error) {
	args := append([]string{"list", "-json=ImportPath,Dir,Name,TestGoFiles,XTestGoFiles,Module"}, patterns...)
	out, err := output(ctx, "", buildEnv(false), "go", args...)
	if err != nil {
		return nil, err
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(out)); decoder.More(); {
		var p goPackage
		if err := decoder.Decode(&p); err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 && !kernelless[p.relative()] {
			packages = append(packages, p)
		}
	}
	if len(packages) == 0 {
		return nil, &exitError{1, fmt.Errorf("nothing to run: no package with tests matches %s", strings.Join(patterns, " "))}
	}
	return packages, nil
}

// buildTests compiles each package's tests into dir, once for all kernels.
func buildTests(ctx context.Context, dir string, o *options, packages []goPackage) ([]Item, error) {
	var items []Item
	for i, p := range packages {
		binary := filepath.Join(dir, fmt.Sprintf("%d-%s.test", i, filepath.Base(p.ImportPath)))
		args := []string{"test", "-c", "-o", binary}
		if o.race {
			args = append(args, "-race")
		}
		if _, err := output(ctx, "", buildEnv(o.race), "go", append(args, p.ImportPath)...); err != nil {
			return nil, &exitError{1, err}
		}
		items = append(items, Item{Name: p.relative(), Dir: p.Dir, Copy: true, Test: true, MaxOutput: maxOutput,
			Args: testArgs(binary, o.run, o.timeout),
			// The tests' own time limit comes first: it says which test ran.
			Limit: o.timeout + 10*time.Second})
	}
	return items, nil
}

func testArgs(binary, run string, timeout time.Duration) []string {
	args := []string{binary, "-test.v=test2json", "-test.paniconexit0", "-test.timeout=" + timeout.String()}
	if run != "" {
		args = append(args, "-test.run="+run)
	}
	return args
}

// maxOutput is how much a program in the guest may write, in bytes.
const maxOutput = 64 << 20

// buildCommand turns a command line into an item. What is Go source ("go run ./pkg args" or
// "./pkg args") is compiled first, since the guest may have no Go and no network.
func buildCommand(ctx context.Context, dir string, o *options) (Item, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return Item{}, fmt.Errorf("working directory: %w", err)
	}
	item := Item{Name: strings.Join(o.command, " "), Dir: cwd, Args: o.command, Limit: o.timeout, MaxOutput: maxOutput}
	flags, source, args := splitCommand(o.command, isDir)
	if source == "" {
		return item, nil
	}
	binary := filepath.Join(dir, "command")
	build := append(append([]string{"build"}, flags...), "-o", binary, source)
	if _, err := output(ctx, "", buildEnv(o.race), "go", build...); err != nil {
		return Item{}, &exitError{1, err}
	}
	if info, err := os.Stat(binary); err != nil || info.Mode()&0o111 == 0 {
		return Item{}, fmt.Errorf("%s isn't a program: want a main package", source)
	}
	item.Args = append([]string{binary}, args...)
	item.Copy = true
	return item, nil
}

// splitCommand finds the Go source that a command runs, with the build flags before it and the
// arguments after it. source is empty if the command is an ordinary one.
func splitCommand(command []string, isDir func(string) bool) (flags []string, source string, args []string) {
	if len(command) > 2 && command[0] == "go" && command[1] == "run" {
		rest := command[2:]
		for len(rest) > 1 && strings.HasPrefix(rest[0], "-") {
			flags, rest = append(flags, rest[0]), rest[1:]
		}
		return flags, rest[0], rest[1:]
	}
	if (strings.HasPrefix(command[0], "./") || strings.HasPrefix(command[0], "../")) && isDir(command[0]) {
		return nil, command[0], command[1:]
	}
	return nil, "", command
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// copyFile copies a program.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	return nil
}

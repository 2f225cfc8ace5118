package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSplitCommand(t *testing.T) {
	isDir := func(path string) bool { return path == "./cmd/hello" || path == "../x" }
	tests := []struct {
		command, flags, source, args string
	}{
		{"go run ./cmd/hello", "", "./cmd/hello", ""},
		{"go run -race -tags=x ./cmd/hello -v a", "-race -tags=x", "./cmd/hello", "-v a"},
		{"./cmd/hello a b", "", "./cmd/hello", "a b"},
		{"../x", "", "../x", ""},
		{"./script a", "", "", "./script a"},
		{"go run", "", "", "go run"},
		{"go version", "", "", "go version"},
		{"uname -r", "", "", "uname -r"},
	}
	for _, test := range tests {
		flags, source, args := splitCommand(strings.Fields(test.command), isDir)
		got := []string{strings.Join(flags, " "), source, strings.Join(args, " ")}
		if diff := cmp.Diff([]string{test.flags, test.source, test.args}, got); diff != "" {
			t.Errorf("splitCommand(%q) (-want +got):\n%s", test.command, diff)
		}
	}
}

func TestRelative(t *testing.T) {
	module := &struct{ Path string }{"example.org/m"}
	for path, want := range map[string]string{"example.org/m": ".", "example.org/m/a/b": "a/b"} {
		if got := (goPackage{ImportPath: path, Module: module}).relative(); got != want {
			t.Errorf("relative(%q) = %q, want %q", path, got, want)
		}
	}
	if got := (goPackage{ImportPath: "std"}).relative(); got != "std" {
		t.Errorf("relative without a module = %q", got)
	}
}

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"-kernels", "6.1, 6.12", "-packages=./a,./b/...", "-j", "3", "--", "ls", "--", "-l"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"6.1", "6.12"}, {"./a", "./b/..."}, {"ls", "--", "-l"}}
	if diff := cmp.Diff(want, [][]string{o.kernels, o.packages, o.command}); diff != "" || o.jobs != 3 || o.timeout != 10*time.Minute {
		t.Errorf("parseOptions = %+v (-want +got):\n%s", o, diff)
	}
	for _, args := range []string{
		"foo", "--", "-j 0", "-timeout 0s", "-timeout -1s", "-timeout x", "-run (", "-kvm maybe", "-packages ,",
		"-kernel x -kernels 6.1", "-shell -- ls", "-nosuchflag",
	} {
		if o, err := parseOptions(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("parseOptions(%q) = %+v, want an error", args, o)
		}
	}
}

func TestVngArgs(t *testing.T) {
	tcg := strings.Join(vngArgs(target{Image: "/k", Append: "lsm=bpf"}, false, "/run", "cmd", ""), " ")
	for _, want := range []string{"-r /k", "--append lsm=bpf", "--disable-kvm", "--cpus 1", "--qemu-opts=-cpu qemu64,-cx16", "--rwdir=/run", "-v -e cmd"} {
		if !strings.Contains(tcg, want) {
			t.Errorf("vngArgs = %s: want %s", tcg, want)
		}
	}
	kvm := strings.Join(vngArgs(target{Image: "/k"}, true, "/run", "", "/sh"), " ")
	if strings.Contains(kvm, "-disable-kvm") || strings.Contains(kvm, "-cpu ") || !strings.HasSuffix(kvm, "--shell /sh") {
		t.Errorf("vngArgs with KVM = %s", kvm)
	}
}

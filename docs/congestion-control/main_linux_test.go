package main

import (
	"strings"
	"testing"

	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) {
	testutil.Main(m)
}

func TestRun(t *testing.T) {
	testutil.Netns(t)
	var out strings.Builder
	err := run(&out)
	testutil.SkipIfNotSupported(t, err, "calls of kernel functions", "5.13", "CONFIG_BPF_JIT")
	if err != nil {
		t.Fatal(err)
	}
	if want := "sent 1 MiB with gentle: the window is "; !strings.HasPrefix(out.String(), want) {
		t.Errorf("run() prints %q, want %q", &out, want)
	}
}

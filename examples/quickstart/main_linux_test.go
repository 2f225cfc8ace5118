package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// TestRun runs the example, which checks itself.
func TestRun(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.NeedKernel(t, "5.9", "XDP links")
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v, after printing:\n%s", err, &out)
	}
	if got := out.String(); !strings.Contains(got, "nothing is left behind") {
		t.Errorf("printed:\n%s", got)
	}
}

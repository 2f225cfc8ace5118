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
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v, after printing:\n%s", err, &out)
	}
	if got := out.String(); !strings.Contains(got, "none was lost") {
		t.Errorf("printed:\n%s", got)
	}
}

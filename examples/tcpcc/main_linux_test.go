package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// TestRun runs the example, which checks itself.
func TestRun(t *testing.T) {
	testutil.NeedRoot(t)
	svg := filepath.Join(t.TempDir(), "cwnd.svg")
	var out bytes.Buffer
	if err := run(&out, options{each: 400 * time.Millisecond, svg: svg}); err != nil {
		t.Fatalf("%v, after printing:\n%s", err, &out)
	}
	t.Logf("%s", &out)
	swapped := "Swapped bpfx_aimd, Go for C"
	if !testutil.KernelAtLeast(t, "6.4") {
		swapped = "No swap on this kernel"
	}
	for _, want := range []string{"reno", inGo, inC, swapped, "are as they were"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q isn't printed", want)
		}
	}
	if b, err := os.ReadFile(svg); err != nil || !bytes.Contains(b, []byte("</svg>")) {
		t.Errorf("the picture has %d bytes, %v", len(b), err)
	}
	if err := run(&out, options{}); err == nil {
		t.Error("no time at all is enough")
	}
}

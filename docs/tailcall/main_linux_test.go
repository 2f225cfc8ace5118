package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/internal/testutil"
)

func TestMain(m *testing.M) {
	testutil.Main(m)
}

func TestRun(t *testing.T) {
	testutil.NeedRoot(t)
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	want := `entry (XDP)
├─ ipv4  <- stages[0], instruction 17
└─ other  <- stages[1], instruction 24
before: XDP_PASS
after: XDP_DROP
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("run() prints (-want +got):\n%s", diff)
	}
}

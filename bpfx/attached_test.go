package bpfx_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx"
)

func TestAttachedString(t *testing.T) {
	a := &bpfx.Attached{
		Programs: []bpfx.AttachedProgram{
			{Program: "count_connects", Hook: bpfx.Kprobe{Symbol: "tcp_v4_connect"}, LinkID: 7},
			{Program: "drop", Hook: bpfx.XDP{Interface: "eth0"}},
		},
		Skipped: []bpfx.SkippedProgram{{Program: "old", Reason: "named in Skip"}},
	}
	want := `PROGRAM         LINK  HOOK
count_connects  7     kprobe "tcp_v4_connect"
drop            -     xdp "eth0"
old             -     not attached: named in Skip`
	if diff := cmp.Diff(want, a.String()); diff != "" {
		t.Errorf("String() (-want +got):\n%s", diff)
	}
}

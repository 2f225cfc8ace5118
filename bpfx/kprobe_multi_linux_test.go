package bpfx

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatchTraced(t *testing.T) {
	// Linux 6.1 lists what belongs to no function.
	const text = "tcp_connect\nveth_xmit [veth]\n__ftrace_invalid_address___132\nveth_open [veth]\n\ntcp_close\ntcp_close\n"
	for pattern, want := range map[string][]string{
		"tcp_*":   {"tcp_close", "tcp_connect"},
		"veth_o*": {"veth_open"},
		"*":       {"tcp_close", "tcp_connect", "veth_open", "veth_xmit"},
	} {
		got, err := matchSymbols(pattern, func() ([]string, error) { return tracedNames(text), nil })
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("matchSymbols(%q): %v (-want +got)\n%s", pattern, err, diff)
		}
	}
}

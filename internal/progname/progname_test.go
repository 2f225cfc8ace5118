package progname

import (
	"testing"

	"github.com/cilium/ebpf"
)

func TestParse(t *testing.T) {
	for s, want := range map[string]string{
		"XDP(count)#7": "count", "XDP(7)": "", "XDP(a(b)#c)#7": "a(b)#c", "UnspecifiedProgram(0)": "", "XDP": "", "": "",
	} {
		if got := parse(s); got != want {
			t.Errorf("parse(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	if got := Of(new(ebpf.Program)); got != "" {
		t.Errorf("Of() of a program without a name = %q", got)
	}
}

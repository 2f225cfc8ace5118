package structops

import (
	"strings"
	"testing"
)

// checkRules compares the rules with a kernel's type: each has exactly the
// members of the other, with the same prototypes.
func checkRules(t *testing.T, typ *Type) {
	t.Helper()
	for _, m := range typ.Members {
		r, ok := TCPCongestionOps.Member(m.Name, typ.Kernel)
		if !ok {
			t.Errorf("Linux %s: no rule for %s", typ.Kernel, m)
			continue
		}
		if !m.Func {
			if r.Args != nil || r.Return != m.Type {
				t.Errorf("Linux %s: the rule says %q of data %q of type %q", typ.Kernel, r, m.Name, m.Type)
			}
			continue
		}
		want := r.Return + " (*" + r.Name + ")(" + strings.Join(r.Args, ", ") + ")"
		if got := m.Prototype(); got != want {
			t.Errorf("Linux %s: the rule says %q, BTF %q", typ.Kernel, want, got)
		}
	}
	for _, r := range TCPCongestionOps.Members {
		if in, ok := TCPCongestionOps.Member(r.Name, typ.Kernel); !ok || in.Since != r.Since {
			continue
		}
		if _, ok := typ.Member(r.Name); !ok {
			t.Errorf("Linux %s has no %s, but there is a rule for it", typ.Kernel, r.Name)
		}
	}
}

func TestRules(t *testing.T) {
	for _, kernel := range series {
		checkRules(t, fixture(t, kernel, "tcp_congestion_ops"))
	}
	for _, r := range TCPCongestionOps.Members {
		if r.Doc == "" || r.Need == "" || !strings.Contains(r.String(), r.Name) {
			t.Errorf("rule %+v is incomplete", r)
		}
	}
	if RulesFor("Qdisc_ops") != nil {
		t.Error("there are rules for Qdisc_ops")
	}
}

func TestAtLeast(t *testing.T) {
	for _, tt := range []struct {
		kernel, since string
		want          bool
	}{
		{"6.12", "6.4", true}, {"6.4", "6.12", false}, {"6.4", "6.4", true}, {"7.0", "6.12", true},
		{"5.15", "6.0", false}, {"", "9.9", true}, {"5.4", "", true}, {"nonsense", "6.4", true},
	} {
		if got := atLeast(tt.kernel, tt.since); got != tt.want {
			t.Errorf("atLeast(%q, %q) = %v, want %v", tt.kernel, tt.since, got, tt.want)
		}
	}
}

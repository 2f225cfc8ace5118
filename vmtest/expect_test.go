package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/internal/kconfig"
)

func TestParseExpectation(t *testing.T) {
	got, err := parseExpectation("# comment\n\nbpfx TestTCX/ingress#1 : Requires Linux 6.6\n. TestRoot : Requires CONFIG_HID_BPF\n")
	want := Expectation{
		{"bpfx", "TestTCX/ingress#1"}: {Since: Version{6, 6}},
		{".", "TestRoot"}:             {Config: "CONFIG_HID_BPF"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("parseExpectation: %v (-want +got):\n%s", err, diff)
	}
	again, err := parseExpectation(got.format("6.1"))
	if diff := cmp.Diff(want, again); diff != "" || err != nil {
		t.Errorf("format and back: %v (-want +got):\n%s", err, diff)
	}
}

func TestParseExpectationErrors(t *testing.T) {
	for _, text := range []string{
		"bpfx TestX", "bpfx : Requires Linux 6.6", "bpfx TestX : old kernel", "bpfx TestX : Requires Linux 6",
		"bpfx TestX : Requires Linux 6.6 or so", "a b TestX : Requires Linux 6.6", "bpfx X : Requires Linux 6.6",
		"bpfx TestX : Requires Linux 6.6\nbpfx TestX : Requires Linux 6.7",
	} {
		if e, err := parseExpectation(text); err == nil {
			t.Errorf("parseExpectation(%q) = %v, want an error", text, e)
		}
	}
}

// TestExpectFiles checks the committed files, and that each series of the matrix has one.
func TestExpectFiles(t *testing.T) {
	c, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range c.Names() {
		e, ok, err := loadExpectation(series)
		if !ok || err != nil {
			t.Errorf("loadExpectation(%s) = %v, %v", series, ok, err)
		}
		for id, reason := range e {
			if why := reason.False(series, Config{}); why != "" {
				t.Errorf("expect/%s.txt: %s: %s, but %s", series, id, reason, why)
			}
		}
	}
}

func TestReasonFalse(t *testing.T) {
	config := kconfig.Parse("# CONFIG_OFF is not set\nCONFIG_ON=y\nCONFIG_MOD=m\nCONFIG_N=n\n")
	tests := []struct {
		reason string
		config Config
		true_  bool
	}{
		{"skipping tcx: Requires Linux 6.6 (this is 6.1)", config, true},
		{"skipping tcx: Requires Linux 6.1 (x)", config, false},
		{"skipping tcx: Requires Linux 5.18", config, false},
		{"skipping x: Requires CONFIG_OFF (x)", config, true},
		{"skipping x: Requires CONFIG_N", config, true},
		{"skipping x: Requires CONFIG_MOD", config, false},
		{"skipping x: Requires CONFIG_ON", config, false},
		{"skipping x: Requires CONFIG_OFF", nil, false},
	}
	for _, test := range tests {
		reason, ok := parseReason(test.reason)
		if !ok {
			t.Errorf("parseReason(%q) finds nothing", test.reason)
		}
		if why := reason.False("6.1.0-50-amd64", test.config); (why == "") != test.true_ {
			t.Errorf("%q is false: %q, want true %v", test.reason, why, test.true_)
		}
	}
	if r, ok := parseReason("skipping: needs root (try sudo)"); ok {
		t.Errorf("parseReason finds %v", r)
	}
}

func TestUpdated(t *testing.T) {
	old := Expectation{{"a", "TestWorks"}: {Since: Version{6, 6}}, {"a", "TestNotRun"}: {Since: Version{6, 6}}, {"b", "TestSkips"}: {Since: Version{6, 6}}, {"b", "TestGone"}: {Since: Version{6, 6}}}
	tests := []Test{
		{Package: "a", Name: "TestWorks", Action: "pass"},
		{Package: "b", Name: "TestSkips", Action: "skip", Output: "skipping x: Requires Linux 6.9 (y)"},
		{Package: "b", Name: "TestNew", Action: "skip", Output: "skipping x: Requires CONFIG_X (y)"},
		{Package: "b", Name: "TestLies", Action: "skip", Output: "skipping x: Requires Linux 4.4 (y)"},
		{Package: "b", Name: "TestReasonless", Action: "skip", Output: "no"},
	}
	want := Expectation{{"a", "TestNotRun"}: {Since: Version{6, 6}}, {"b", "TestSkips"}: {Since: Version{6, 9}}, {"b", "TestNew"}: {Config: "CONFIG_X"}}
	if diff := cmp.Diff(want, old.updated(tests, map[string]bool{"b": true}, "6.1.0", Config{})); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}
	if len(old) != 4 {
		t.Error("updated changed its receiver")
	}
	if text := want.format("6.1"); !strings.Contains(text, "a TestNotRun : Requires Linux 6.6\nb TestNew : Requires CONFIG_X\nb TestSkips") {
		t.Errorf("format isn't sorted:\n%s", text)
	}
}

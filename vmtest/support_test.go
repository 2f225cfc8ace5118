package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSupportTable(t *testing.T) {
	features, err := parseFeatures("# rows\nXDP : bpfx TestXDP\ntcx ingress : bpfx TestTCX/ingress\n")
	if err != nil {
		t.Fatal(err)
	}
	expect := map[string]Expectation{
		"5.10": {{"bpfx", "TestTCX"}: {Since: Version{6, 6}}, {"structops", "TestHID"}: {Config: "CONFIG_HID_BPF"}},
		"6.12": {{"structops", "TestHID"}: {Config: "CONFIG_HID_BPF"}},
	}
	want, err := os.ReadFile("testdata/support.golden.md")
	if err != nil {
		t.Fatal(err)
	}
	got := supportTable(features, []string{"5.10", "6.12"}, expect)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("supportTable (-want +got):\n%s", diff)
	}
}

func TestParseFeaturesErrors(t *testing.T) {
	for _, text := range []string{"XDP", "XDP : bpfx", "XDP : bpfx X"} {
		if f, err := parseFeatures(text); err == nil {
			t.Errorf("parseFeatures(%q) = %v, want an error", text, f)
		}
	}
	if _, err := parseFeatures(featuresText); err != nil {
		t.Error(err)
	}
}

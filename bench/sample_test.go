package main

import "testing"

func TestParse(t *testing.T) {
	const out = `goos: linux
BenchmarkRun/xdp/bpfx-2   	  225486	      2558 ns/op	      16 B/op	       3 allocs/op
PASS
`
	got, ok := parse(out)
	if want := (sample{2558, 3}); !ok || got != want {
		t.Errorf("parse() = %v, %v; want %v", got, ok, want)
	}
	if got, ok := parse("PASS\n"); ok {
		t.Errorf("parse of nothing = %v", got)
	}
}

func TestMeets(t *testing.T) {
	g := goal{ratio: 1.03, ns: 100, alloc: 0}
	for _, tt := range []struct {
		name string
		r    result
		want bool
	}{
		{"met", result{ours: sample{ns: 90}, ratio: 1}, true},
		{"noise", result{ours: sample{ns: 104}, ratio: 1.08}, true},
		{"slow", result{ours: sample{ns: 90}, ratio: 1.09}, false},
		{"late", result{ours: sample{ns: 106}, ratio: 1}, false},
		{"allocates", result{ours: sample{ns: 90, allocs: 1}, ratio: 1}, false},
	} {
		if got := tt.r.meets(g, 0.05); got != tt.want {
			t.Errorf("%s: meets() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestMedianSample(t *testing.T) {
	got := medianSample([]sample{{300, 9}, {100, 2}, {200, 9}, {0.5, 2}, {0.25, 2}})
	if want := (sample{100, 2}); got != want {
		t.Errorf("medianSample() = %v, want %v", got, want)
	}
}

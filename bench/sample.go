package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is one run of one benchmark.
type sample struct {
	ns     float64 // per operation
	allocs int     // per operation
}

// once runs one benchmark once.
func once(binary, name string, benchtime time.Duration) (sample, error) {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	parts[0] = "^Benchmark" + parts[0][1:]
	cmd := exec.Command(binary, "-test.run=^$", "-test.bench="+strings.Join(parts, "/"), "-test.benchtime="+benchtime.String(), "-test.benchmem")
	cmd.Dir = filepath.Dir(binary)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("benchmark %s: %w\n%s", name, err, out)
	}
	s, ok := parse(string(out))
	if !ok {
		return sample{}, fmt.Errorf("benchmark %s gave no result (are you root?):\n%s", name, out)
	}
	return s, nil
}

// resultLine is what a benchmark prints: name, runs, and values with units.
var resultLine = regexp.MustCompile(`(?m)^Benchmark\S+\s+\d+\s+(.*)$`)

// parse finds the one result in the output of a benchmark.
func parse(out string) (s sample, ok bool) {
	m := resultLine.FindStringSubmatch(out)
	if m == nil {
		return s, false
	}
	fields := strings.Fields(m[1])
	for i := 0; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return s, false
		}
		switch fields[i+1] {
		case "ns/op":
			s.ns, ok = v, true
		case "allocs/op":
			s.allocs = int(v)
		}
	}
	return s, ok
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// medianSample returns the median of the times, and that of the allocations.
func medianSample(samples []sample) sample {
	var ns, allocs []float64
	for _, s := range samples {
		ns, allocs = append(ns, s.ns), append(allocs, float64(s.allocs))
	}
	return sample{median(ns), int(median(allocs))}
}

// String returns the goal as the table shows it.
func (g goal) String() string {
	s := fmt.Sprintf("<= %.2f", g.ratio)
	if g.ns > 0 {
		s += ", " + duration(g.ns)
	}
	if g.alloc >= 0 {
		s += fmt.Sprintf(", %d allocs", g.alloc)
	}
	return s
}

// duration prints nanoseconds with three digits.
func duration(ns float64) string {
	d := time.Duration(ns)
	for unit := time.Nanosecond; unit < time.Second; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
	return d.Round(10 * time.Millisecond).String()
}

// machine prints what the numbers were taken on.
func machine(w io.Writer, o options) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		release = []byte("unknown")
	}
	series := strings.SplitN(strings.TrimSpace(string(release)), "-", 2)[0]
	fmt.Fprintf(w, "Linux %s, %s/%s, %d CPUs, %s; medians of %d rounds or more of %v\n\n",
		series, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), o.rounds, o.time)
}

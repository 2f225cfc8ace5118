package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bpfx/go/bpfx/testpkt"
)

// How many packets are shown.
const (
	mostSlow    = 5
	mostChanged = 5
)

// results is what came of a replay: a few packets and the numbers of the rest.
type results struct {
	out     io.Writer
	repeat  uint // of the timing
	report  *testpkt.ReplayReport
	slow    []timed  // the slowest first
	changed []string // the first ones
}

// timed is a packet and how long the program took for it.
type timed struct {
	number int
	took   time.Duration
	packet string
}

// add keeps a packet if it is worth showing.
func (r *results) add(p testpkt.Replayed) {
	if p.Refused != nil {
		return
	}
	if len(r.slow) < mostSlow || p.Result.Duration > r.slow[len(r.slow)-1].took {
		r.slow = append(r.slow, timed{p.Number, p.Result.Duration, testpkt.String(p.Input)})
		slices.SortStableFunc(r.slow, func(a, b timed) int { return cmp.Compare(b.took, a.took) })
		r.slow = r.slow[:min(len(r.slow), mostSlow)]
	}
	if p.Changed && len(r.changed) < mostChanged {
		r.changed = append(r.changed, fmt.Sprintf("%d\t%s\n%s", p.Number, testpkt.String(p.Input), changes(p)))
	}
}

// changes returns what the program changed, a line per field.
func changes(p testpkt.Replayed) string {
	var b strings.Builder
	for line := range strings.Lines(testpkt.Diff(p.Input, p.Output)) {
		b.WriteString("\t  " + strings.NewReplacer(": want ", " ", ", got ", " -> ").Replace(line))
	}
	return b.String()
}

// print prints everything. If the replay ended early, that is what there was.
func (r *results) print() {
	if r.report == nil {
		return
	}
	fmt.Fprintf(r.out, "%d packets: %d changed, %d not captured whole\n\n", r.report.Packets, r.report.Changed, r.report.Truncated)
	r.histogram()

	if r.repeat > 0 {
		fmt.Fprintf(r.out, "\nThe slowest, on average of %d runs, in which a program sees its own changes:\n\n", r.repeat)
	} else {
		fmt.Fprint(r.out, "\nThe slowest, of one run each:\n\n")
	}
	w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NO\tNS\tPACKET")
	for _, s := range r.slow {
		fmt.Fprintf(w, "%d\t%d\t%s\n", s.number, s.took.Nanoseconds(), s.packet)
	}
	flush(w)

	if len(r.changed) > 0 {
		fmt.Fprint(r.out, "\nThe first that were changed, and how:\n\n")
		w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
		for _, s := range r.changed {
			fmt.Fprint(w, s)
		}
		flush(w)
	}
}

// histogram prints the verdicts, the most frequent first.
func (r *results) histogram() {
	w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VERDICT\tPACKETS\t")
	verdicts := slices.Sorted(maps.Keys(r.report.Verdicts))
	slices.SortStableFunc(verdicts, func(a, b string) int {
		return cmp.Compare(r.report.Verdicts[b], r.report.Verdicts[a])
	})
	for _, v := range verdicts {
		n := r.report.Verdicts[v]
		fmt.Fprintf(w, "%s\t%d\t%s\n", v, n, strings.Repeat("#", (n*40+r.report.Packets-1)/r.report.Packets)) // 40 are all
	}
	flush(w)
	if n := r.report.Refused; n > 0 {
		fmt.Fprintf(r.out, "%d not run by the kernel, the first is number %d: %v\n", n, r.report.FirstRefused, r.report.WhyRefused)
	}
}

// flush ends a table.
func flush(w *tabwriter.Writer) {
	// What it writes to is a terminal, or a test's buffer; neither is any use
	// if it fails.
	_ = w.Flush()
}

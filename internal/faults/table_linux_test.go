//go:build amd64 || arm64

package faults

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// A row is what came of failing an operation.
type row struct {
	op                     string
	calls                  int // that can be failed
	faults, errs, survived int
	leaks, lies            int
	took                   time.Duration
}

// tableOf returns rows as a table, with their sum.
func tableOf(rows []row) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "calls\tfaults\terrors\tsurvived\tleaks\tlies\ttook\t  operation")
	var sum row
	for _, r := range rows {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%d ms\t  %s\n", r.calls, r.faults, r.errs, r.survived, r.leaks, r.lies, r.took.Milliseconds(), r.op)
		sum.calls, sum.faults, sum.errs = sum.calls+r.calls, sum.faults+r.faults, sum.errs+r.errs
		sum.survived, sum.leaks, sum.lies, sum.took = sum.survived+r.survived, sum.leaks+r.leaks, sum.lies+r.lies, sum.took+r.took
	}
	fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%d ms\t  %d operations\n", sum.calls, sum.faults, sum.errs, sum.survived, sum.leaks, sum.lies, sum.took.Milliseconds(), len(rows))
	w.Flush() // to memory
	return b.String()
}

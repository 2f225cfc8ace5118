// Doctor says what BPF can do on this machine. It loads and attaches a trivial
// program at every hook, runs one, walks an iterator and makes a tail call, and
// prints what worked, and where it didn't the cause and the remedy:
//
//	go run ./examples/doctor
//	go run ./examples/doctor -json
//
// It shows hooks as values and bpfx.Explain. It needs Linux, and tells what it
// may do without root too. It is safe on a host that is in use: it attaches in
// a network namespace and a cgroup of its own, to functions that are rarely
// called and only for a moment; its programs change nothing, and all is gone
// afterwards.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

func main() {
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "doctor: takes no arguments, see -help")
		os.Exit(2)
	}
	if err := run(os.Stdout, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "doctor:", err)
		os.Exit(1)
	}
}

// Report is what the doctor found.
type Report struct {
	Machine []Fact   `json:"machine"`
	Checks  []Result `json:"checks"`
}

// Fact is something that was read off the machine.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Result is how one check went.
type Result struct {
	Name   string `json:"name"`             // as in docs/support.md
	OK     bool   `json:"ok"`               // it worked
	Detail string `json:"detail,omitempty"` // what it showed, if it worked
	Cause  string `json:"cause,omitempty"`  // why it didn't work
	Remedy string `json:"remedy,omitempty"` // what to do about that, if that is known
}

func run(w io.Writer, asJSON bool) error {
	report, err := examine()
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(report)
	}
	return report.print(w)
}

// print writes the report for people.
func (r *Report) print(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range r.Machine {
		fmt.Fprintf(tab, "%s\t%s\n", f.Name, f.Value)
	}
	fmt.Fprintln(tab)
	if err := tab.Flush(); err != nil {
		return err
	}
	worked := 0
	fmt.Fprintln(tab, "HOOK\tOK\tCAUSE, REMEDY")
	for _, c := range r.Checks {
		ok, said := "no", c.Cause
		if c.OK {
			worked++
			ok, said = "yes", c.Detail
		}
		if c.Remedy != "" {
			said += "; " + c.Remedy
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\n", c.Name, ok, strings.ReplaceAll(said, "\n", "; "))
	}
	fmt.Fprintf(tab, "\n%d of %d work.\n", worked, len(r.Checks))
	return tab.Flush()
}

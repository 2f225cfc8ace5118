// Bench compares bpfx with its peers and with the goals of the project.
//
// It builds the packages' benchmarks once and runs each pair, ours and the
// peer's, many times in turn, so that both see the same machine. What counts
// is the median of the ratios of the rounds: times of one machine drift, the
// ratio of two that were taken together drifts less.
//
// Run it in this directory, as root:
//
//	go run .              the table
//	go run . -check       and an exit code: 1 if a goal was missed
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	var o options
	flag.BoolVar(&o.check, "check", false, "exit with 1 if a goal was missed by more than the noise")
	flag.IntVar(&o.rounds, "rounds", 9, "how often to run each pair at least")
	flag.DurationVar(&o.pair, "pair", 8*time.Second, "how long to go on with each pair at least")
	flag.DurationVar(&o.time, "time", 50*time.Millisecond, "how long to run each benchmark in a round")
	flag.Float64Var(&o.noise, "noise", 0.05, "by how much a ratio may miss its goal")
	flag.StringVar(&o.out, "o", "", "also write the table to this file")
	flag.StringVar(&o.only, "run", "", "only the benchmarks whose name contains this")
	flag.Parse()
	missed, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if o.check && missed > 0 {
		fmt.Fprintf(os.Stderr, "bench: %d goals missed\n", missed)
		os.Exit(1)
	}
}

type options struct {
	check  bool
	rounds int
	pair   time.Duration
	time   time.Duration
	noise  float64
	out    string
	only   string
}

// run measures all goals and prints the table. It returns how many were missed.
func run(o options) (missed int, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	var w io.Writer = os.Stdout
	if o.out != "" {
		f, err := os.Create(o.out)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		w = io.MultiWriter(w, f)
	}
	machine(w, o)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "BENCHMARK\tBPFX\tALLOCS\tPEER\tTIME\tALLOCS\tRATIO\tROUNDS\tGOAL\tMET")
	binaries := make(map[string]string)
	for _, g := range goals {
		if !strings.Contains(g.name, o.only) {
			continue
		}
		if binaries[g.pkg] == "" {
			binaries[g.pkg] = filepath.Join(dir, filepath.Base(g.pkg)+".test")
			if err := build(g.pkg, binaries[g.pkg]); err != nil {
				return missed, err
			}
		}
		fmt.Fprintf(os.Stderr, "%s ...\n", g.name)
		r, err := measure(binaries[g.pkg], g, o)
		if err != nil {
			return missed, err
		}
		verdict := "yes"
		if !r.meets(g, o.noise) {
			verdict = "NO"
			missed++
		}
		fmt.Fprintf(tab, "%s\t%s\t%d\t%s\t%s\t%d\t%.3f\t%d\t%s\t%s\n",
			g.name, duration(r.ours.ns), r.ours.allocs, g.against(), duration(r.peers.ns), r.peers.allocs, r.ratio, r.rounds, g, verdict)
	}
	return missed, tab.Flush()
}

// build compiles the benchmarks of a package: of the module above, or of this
// one if it is below bench, for peers that the other mustn't depend on.
func build(pkg, binary string) error {
	dir := ".."
	if own, ok := strings.CutPrefix(pkg, "bench/"); ok {
		dir, pkg = ".", own
	}
	cmd := exec.Command("go", "test", "-c", "-o", binary, "./"+pkg)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build benchmarks of %s: %w", pkg, err)
	}
	return nil
}

// result is what the rounds of a pair came to.
type result struct {
	ours, peers sample
	ratio       float64
	rounds      int
}

func (r result) meets(g goal, noise float64) bool {
	return r.ratio <= g.ratio*(1+noise) &&
		(g.ns == 0 || r.ours.ns <= g.ns*(1+noise)) &&
		(g.alloc < 0 || r.ours.allocs <= g.alloc)
}

// measure runs a pair in turn, the one that goes first changing every round.
// Short rounds, and many if they are fast: what else the machine does comes and
// goes, and has to be the same for both of a round.
func measure(binary string, g goal, o options) (result, error) {
	var ours, peers []sample
	var ratios []float64
	begin := time.Now()
	for round := 0; round < o.rounds || time.Since(begin) < o.pair; round++ {
		who := []string{us, g.against()}
		if round%2 == 1 {
			slices.Reverse(who)
		}
		got := make(map[string]sample)
		for _, name := range who {
			s, err := once(binary, g.name+"/"+name, o.time)
			if err != nil {
				return result{}, err
			}
			got[name] = s
		}
		ours, peers = append(ours, got[us]), append(peers, got[g.against()])
		ratios = append(ratios, got[us].ns/got[g.against()].ns)
	}
	return result{medianSample(ours), medianSample(peers), median(ratios), len(ratios)}, nil
}

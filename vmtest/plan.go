package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Plan tells the guest what to do. It lies as plan.json in the run's directory, the one
// directory that the guest can write to.
type Plan struct {
	Modules []string // loaded if the kernel has them
	Configs []string // where the kernel's config may be; %s stands for the release
	Items   []Item
}

// Item is one program to run in the guest: a package's test binary or a command.
type Item struct {
	Name  string   // import path relative to the module, or the command
	Dir   string   // working directory
	Args  []string // Args[0] is the program
	Copy  bool     // copy the program to the guest's memory first, so that uprobes see a plain file
	Test  bool     // the program is a test binary
	Limit time.Duration
	// MaxOutput ends a program that has written more, in bytes.
	MaxOutput int64
}

// Phases that a guest reports.
const (
	phaseReady = "ready" // everything is mounted, Release is set
	phaseStart = "start" // item Item runs
	phaseEnd   = "end"   // item Item is over: Exit, Why
	phaseDone  = "done"  // nothing left to do but to power off
)

// Event is one line of the file events in the run's directory: what the guest has done.
type Event struct {
	Phase   string
	Release string        `json:",omitempty"` // uname -r
	Item    int           `json:",omitempty"`
	Exit    int           `json:",omitempty"` // exit code, 128 and the signal's number for a signal
	Why     string        `json:",omitempty"` // why the guest ended the item itself
	Notes   []string      `json:",omitempty"` // things that couldn't be prepared
	Took    time.Duration `json:",omitempty"`
}

func writePlan(dir string, p Plan) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plan.json"), text, 0o644); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

func readPlan(dir string) (Plan, error) {
	var p Plan
	text, err := os.ReadFile(filepath.Join(dir, "plan.json"))
	if err != nil {
		return p, fmt.Errorf("read the plan: %w", err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("read the plan: %w", err)
	}
	return p, nil
}

// outputFile is where the standard output and error of item i go.
func outputFile(dir string, i int) string { return filepath.Join(dir, strconv.Itoa(i)+".out") }

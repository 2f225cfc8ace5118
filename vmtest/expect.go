package main

import (
	"embed"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed expect
var expectFiles embed.FS

// TestID names a test: the package's path within the module, and the test's name.
type TestID struct{ Package, Test string }

func (id TestID) String() string { return id.Package + " " + id.Test }

// Expectation lists the tests that may skip on a kernel series, each with its reason.
type Expectation map[TestID]Reason

const expectHeader = "# Tests that may skip on Linux %s, and why. Each line is verified by every run:\n" +
	"# package Test : Requires Linux X.Y, or Requires CONFIG_FOO.\n" +
	"# go run ./vmtest -update rewrites it.\n"

// loadExpectation returns what a series may skip; ok is false if nothing says so.
func loadExpectation(series string) (e Expectation, ok bool, err error) {
	text, err := expectFiles.ReadFile("expect/" + series + ".txt")
	if err != nil {
		return nil, false, nil // an embedded file can only be absent
	}
	e, err = parseExpectation(string(text))
	if err != nil {
		return nil, false, fmt.Errorf("expect/%s.txt: %w", series, err)
	}
	return e, true, nil
}

func parseExpectation(text string) (Expectation, error) {
	e := Expectation{}
	for number, line := range entries(text) {
		who, why, _ := strings.Cut(line, " : ")
		id, err := parseTestID(who)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		reason, ok := parseReason(why)
		if !ok || reason.String() != strings.TrimSpace(why) {
			return nil, fmt.Errorf("line %d: want %q or %q after \" : \", got %q", number, "Requires Linux X.Y", "Requires CONFIG_FOO", why)
		}
		if _, twice := e[id]; twice {
			return nil, fmt.Errorf("line %d: %s is listed twice", number, id)
		}
		e[id] = reason
	}
	return e, nil
}

// entries yields the lines of a file that say something, trimmed and numbered from 1: not the
// empty ones and not the comments.
func entries(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if !yield(number, line) {
				return
			}
		}
	}
}

func parseTestID(text string) (TestID, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 || !strings.HasPrefix(fields[1], "Test") {
		return TestID{}, fmt.Errorf("want a package and a test, got %q", text)
	}
	return TestID{fields[0], fields[1]}, nil
}

// format writes the file of a series.
func (e Expectation) format(series string) string {
	var lines []string
	for id, reason := range e {
		lines = append(lines, fmt.Sprintf("%s : %s\n", id, reason))
	}
	slices.Sort(lines)
	return fmt.Sprintf(expectHeader, series) + strings.Join(lines, "")
}

// updated returns e with what a run has shown: the tests that ran stand as they came out, the
// others as they were, except that nothing stays of the packages in whole, whose tests all
// ran. Skips without a verified reason are not taken up.
func (e Expectation) updated(tests []Test, whole map[string]bool, release string, config Config) Expectation {
	out := Expectation{}
	for id, reason := range e {
		if !whole[id.Package] {
			out[id] = reason
		}
	}
	for _, t := range tests {
		id := TestID{t.Package, t.Name}
		delete(out, id)
		if t.Action != "skip" {
			continue
		}
		if reason, ok := parseReason(t.Output); ok && reason.False(release, config) == "" {
			out[id] = reason
		}
	}
	return out
}

// writeExpectation stores a series' expectation in the source tree.
func writeExpectation(dir, series string, e Expectation) error {
	file := filepath.Join(dir, "expect", series+".txt")
	if err := os.WriteFile(file, []byte(e.format(series)), 0o644); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return nil
}

package main

import (
	"os"
	"strings"
	"testing"
)

// TestREADME compares the README's example with this one, which CI builds and
// runs.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(code)+"```\n") {
		t.Error("the README's example is not examples/readme/main.go")
	}
}

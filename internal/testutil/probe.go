//go:build amd64 || arm64

package testutil

import (
	"bufio"
	"fmt"
	"os"
	"testing"
)

// ProbeTarget does nothing: user probes are attached to it. It is written in
// assembly since the Go runtime never stops or unwinds a goroutine there; it
// would not understand the return address that a return probe leaves on the
// stack.
func ProbeTarget()

// ProbeSymbol is the name of ProbeTarget in the symbol table.
const ProbeSymbol = "github.com/bpfx/go/internal/testutil.ProbeTarget.abi0"

// probeAddress returns where ProbeTarget is in memory.
func probeAddress() uintptr

// ProbeOffset returns where ProbeTarget is in the file of the executable.
func ProbeOffset(tb testing.TB) uint64 {
	tb.Helper()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	at := uint64(probeAddress())
	for s := bufio.NewScanner(f); s.Scan(); {
		var from, to, offset uint64
		var mode string
		if _, err := fmt.Sscanf(s.Text(), "%x-%x %s %x", &from, &to, &mode, &offset); err == nil && from <= at && at < to {
			return at - from + offset
		}
	}
	tb.Fatalf("%#x is not in /proc/self/maps", at)
	return 0
}

package testutil

// ProbeTarget does nothing: user probes are attached to it. It is written in
// assembly since the Go runtime never stops or unwinds a goroutine there; it
// would not understand the return address that a return probe leaves on the
// stack.
func ProbeTarget()

// ProbeSymbol is the name of ProbeTarget in the symbol table.
const ProbeSymbol = "github.com/bpfx/go/internal/testutil.ProbeTarget.abi0"

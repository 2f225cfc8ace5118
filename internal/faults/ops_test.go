//go:build linux && (amd64 || arm64)

package faults

import (
	"slices"
	"strings"
)

// An op is a public operation.
type op struct {
	name string
	// run does it wholly: it opens what it needs, uses it, looks at the result
	// and closes. Under a fault it returns an error that wraps the errno, or nil
	// if all was as it is without.
	run func(*env) error
	// since is the kernel version, and configs are options of its build, without
	// which it is not supported.
	since   string
	configs []string
	// refusable says that a vendor's kernel refuses it even to root.
	refusable bool
	// slow has fewer of its calls failed in VMs that are emulated.
	slow bool
	// waits says that it sleeps: a call fails with one errno, not with each.
	waits bool
}

// ops are all operations. To add a package's, write a list in a file of its own
// and put it here.
var ops = slices.Concat(
	hookOps(netHooks), hookOps(cgroupHooks), hookOps(traceHooks), hookOps(multiHooks), hookOps(perfHooks),
	loadOps, attachOps, pinOps, runOps, chainOps, structOps, iterOps,
)

func findOp(name string) *op {
	for i := range ops {
		if ops[i].name == name {
			return &ops[i]
		}
	}
	for i := range faulty {
		if faulty[i].name == name {
			return &faulty[i]
		}
	}
	return nil
}

// refused reports whether an error is that of a kernel which refuses tracing
// programs even to root.
func refused(text string) bool { return strings.Contains(text, "operation not permitted") }

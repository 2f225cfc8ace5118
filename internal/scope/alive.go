package scope

import (
	"io"
	"runtime"
)

// CloseAlive closes something of cilium/ebpf, and keeps it from the garbage
// collector meanwhile. Its Close stops the cleanup of a descriptor that the
// collector may have found unused by then: the cleanup would close the number
// again, which may be somebody else's by then (see [runtime.Cleanup.Stop]).
func CloseAlive(c io.Closer) error {
	defer runtime.KeepAlive(c)
	return c.Close()
}

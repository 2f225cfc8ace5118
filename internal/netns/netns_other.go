//go:build !linux

package netns

import (
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
)

// Do returns an error: network namespaces need Linux.
func Do(func() error) error {
	return fmt.Errorf("network namespaces need Linux, this is %s: %w", runtime.GOOS, ebpf.ErrNotSupported)
}

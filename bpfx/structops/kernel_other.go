//go:build !linux

package structops

import (
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

func errOther() error {
	return fmt.Errorf("struct_ops needs Linux, this is %s: %w", runtime.GOOS, ebpf.ErrNotSupported)
}

func createMap(*Type, string, bool) (*ebpf.Map, bool, error) { return nil, false, errOther() }
func attachMap(*ebpf.Map) (link.Link, error)                 { return nil, errOther() }
func updateLink(_ link.Link, _, _ *ebpf.Map) error           { return errOther() }
func linkMap(link.Link) (ebpf.MapID, error)                  { return 0, errOther() }
func valueType(*ebpf.Map) (uint32, error)                    { return 0, errOther() }
func eachLink(func(link.Link, ebpf.MapID) bool) error        { return errOther() }

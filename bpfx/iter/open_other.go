//go:build !linux

package iter

import (
	"fmt"
	"io"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/bpfx/go/bpfx"
)

func errOther() error {
	return fmt.Errorf("iterators need Linux, this is %s: %w", runtime.GOOS, ebpf.ErrNotSupported)
}

func attach(*ebpf.Program, *Options, *bpfx.Program) (link.Link, error)           { return nil, errOther() }
func startSession(link.Link) (io.ReadCloser, error)                              { return nil, errOther() }
func infoOf(link.Link) (Info, error)                                             { return Info{}, errOther() }
func updateError(_ link.Link, _ *ebpf.Program, _ *bpfx.Program, err error) error { return err }
func checkIter(link.Link) error                                                  { return errOther() }

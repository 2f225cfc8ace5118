package iter

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/sys"
)

// startSession opens the file of an iterator.
func startSession(l link.Link) (io.ReadCloser, error) {
	if err := checkIter(l); err != nil {
		return nil, err
	}
	fd, err := sys.IterCreate(l.(*link.Iter).FD())
	runtime.KeepAlive(l)
	if err != nil {
		return nil, fmt.Errorf("create session: %w", err)
	}
	return os.NewFile(uintptr(fd), "bpf_iter"), nil
}

// checkIter refuses links that aren't an iterator's.
func checkIter(l link.Link) error {
	if _, ok := l.(*link.Iter); ok {
		return nil
	}
	info, err := l.Info()
	if err != nil {
		return err
	}
	return fmt.Errorf("it is a link of type %v, not an iterator", info.Type)
}

// infoOf asks for what an iterator is.
func infoOf(l link.Link) (Info, error) {
	from, err := linkInfo(l)
	if err != nil {
		return Info{}, err
	}
	info := Info{Target: from.Target, ID: link.ID(from.ID), Program: ebpf.ProgramID(from.Prog)}
	switch traits[from.Target].params {
	case ParamsMap:
		info.Map = ebpf.MapID(from.Map)
	case ParamsTask:
		info.TID, info.PID = int(from.TID), int(from.PID)
	case ParamsCgroup:
		info.CgroupID, info.Order = from.CgroupID, Order(from.Order)
	}
	return info, nil
}

// updateError says why a link refused another program.
func updateError(l link.Link, p *ebpf.Program, bp *bpfx.Program, err error) error {
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	info, infoErr := linkInfo(l)
	if infoErr != nil {
		return err
	}
	target := targetOf(p, bp)
	if target == "" || target == info.Target {
		return err
	}
	return fmt.Errorf("the iterator's target is %s, the program's is %s: %w", info.Target, target, err)
}

package bpfx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
)

// ErrNotBPFFS is returned when a pin's path isn't on a bpf filesystem.
var ErrNotBPFFS = errors.New("not on a bpf filesystem (mount one with: mount -t bpf bpf /sys/fs/bpf)")

// LoadPinned opens a program that was pinned, by this process or another.
//
// Returns an error wrapping [os.ErrNotExist] if there is nothing at path, and
// [ErrNotBPFFS] if path isn't on a bpf filesystem.
func LoadPinned(path string) (*Program, error) {
	p, err := ebpf.LoadPinnedProgram(path, nil)
	if err != nil {
		return nil, pinError("load pinned program", path, err)
	}
	return Wrap(p), nil
}

// Pin keeps the program in the kernel beyond Close and the end of the process,
// until the file at path is removed. path must be on a bpf filesystem. Pinning
// again moves the pin.
//
// Returns an error wrapping [ErrNotBPFFS] if it isn't, and [os.ErrExist] if
// the file is there already.
func (p *Program) Pin(path string) error {
	return doAlone(p, func(p *ebpf.Program) error {
		if err := p.Pin(path); err != nil {
			return pinError("pin program", path, err)
		}
		return nil
	})
}

// Unpin removes the file that Pin made. The program stays loaded until Close.
// Unpinning what isn't pinned is fine.
func (p *Program) Unpin() error { return doAlone(p, (*ebpf.Program).Unpin) }

// IsPinned reports whether the program was pinned, or loaded from a pin, and
// not unpinned since.
func (p *Program) IsPinned() bool {
	pinned, _ := useAlone(p, func(p *ebpf.Program) (bool, error) { return p.IsPinned(), nil })
	return pinned
}

// pinError adds path to err, and the reason where err doesn't tell it: the
// kernel's errno for a file outside bpffs says nothing of filesystems.
func pinError(what, path string, err error) error {
	if path == "" {
		return fmt.Errorf("%s: empty path", what)
	}
	if !errors.Is(err, os.ErrNotExist) && !isBPFFS(path) && !isHidden(path) {
		return fmt.Errorf("%s: %s: %w", what, path, explainPin(ErrNotBPFFS))
	}
	return fmt.Errorf("%s: %s: %w", what, path, err)
}

// isHidden reports whether this process may not look into the directory that a
// file is in: then it can't tell what filesystem that is on.
func isHidden(path string) bool {
	_, err := os.Stat(filepath.Dir(path))
	return errors.Is(err, os.ErrPermission)
}

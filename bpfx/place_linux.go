package bpfx

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// checkPlace returns an error if it can be told now that nothing can be
// attached to h, because the place isn't there.
func checkPlace(h Hook) error {
	switch h := h.(type) {
	case XDP:
		return checkInterface(h.Interface, h.Index)
	case TCX:
		return checkInterface(h.Interface, h.Index)
	case Netkit:
		return checkInterface(h.Interface, h.Index)
	case Cgroup:
		return checkCgroup(h.Path)
	case LSM:
		return checkLSM()
	case SkLookup:
		return h.Netns.check()
	case FlowDissector:
		return h.Netns.check()
	case Uprobe:
		return checkFile(h.Path)
	case Uretprobe:
		return checkFile(h.Path)
	case UprobeMulti:
		_, err := h.symbols()
		return err
	case UretprobeMulti:
		_, err := UprobeMulti(h).symbols()
		return err
	case KprobeMulti:
		return h.check()
	case KretprobeMulti:
		return KprobeMulti(h).check()
	case KprobeSession:
		return KprobeMulti(h).check()
	}
	return nil
}

func checkInterface(name string, index int) error {
	_, err := interfaceIndex(name, index)
	return err
}

// checkFile returns an error unless path is a file that can be an executable:
// opening others may wait for ever.
func checkFile(path string) error {
	if path == "" {
		return errors.New("no file: set Path")
	}
	st, err := os.Stat(path)
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file: %w", path, unix.EINVAL)
	}
	return err
}

func (n Netns) check() error {
	if n.Path == "" {
		return nil
	}
	_, err := os.Stat(n.Path)
	return err
}

// check looks for functions that match the pattern. A kernel that doesn't tell
// which it can trace may still have reason to refuse, so that is left to
// Attach.
func (h KprobeMulti) check() error {
	_, err := multiSymbols(h.Pattern, h.Symbols, h.Cookies, func() ([]string, error) {
		names, err := tracedFunctions()
		if err != nil {
			err = &untold{err}
		}
		return names, err
	})
	if errors.As(err, new(*untold)) {
		return nil
	}
	return err
}

// untold is an error of tracedFunctions.
type untold struct{ error }

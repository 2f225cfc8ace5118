package bpfx

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// checkPlace returns an error if it can be told now that nothing can be
// attached to h, because the place isn't there. What had to be looked up is in
// the hook that it returns, which may be nil.
func checkPlace(h Hook) (Hook, error) {
	switch h := h.(type) {
	case XDP:
		return nil, checkInterface(h.Interface, h.Index)
	case TCX:
		return nil, checkInterface(h.Interface, h.Index)
	case Netkit:
		return nil, checkInterface(h.Interface, h.Index)
	case Cgroup:
		return nil, checkCgroup(h.Path)
	case LSM:
		return nil, checkLSM()
	case SkLookup:
		return nil, h.Netns.check()
	case FlowDissector:
		return nil, h.Netns.check()
	case Uprobe:
		return nil, checkFile(h.Path)
	case Uretprobe:
		return nil, checkFile(h.Path)
	case UprobeMulti:
		return h.match(h, func(h UprobeMulti) Hook { return h })
	case UretprobeMulti:
		return UprobeMulti(h).match(h, func(h UprobeMulti) Hook { return UretprobeMulti(h) })
	case KprobeMulti:
		return h.match(h, func(h KprobeMulti) Hook { return h })
	case KretprobeMulti:
		return KprobeMulti(h).match(h, func(h KprobeMulti) Hook { return KretprobeMulti(h) })
	case KprobeSession:
		return KprobeMulti(h).match(h, func(h KprobeMulti) Hook { return KprobeSession(h) })
	}
	return nil, nil
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

// match looks for functions that the pattern matches, and returns shown, which
// is h as a hook, with them.
func (h UprobeMulti) match(shown Hook, as func(UprobeMulti) Hook) (Hook, error) {
	symbols, err := h.symbols()
	if err != nil || h.Pattern == "" {
		return nil, err
	}
	h.Pattern, h.Symbols = "", symbols
	return matched{shown, as(h)}, nil
}

// match is as that of UprobeMulti. A kernel that doesn't tell which functions
// it can trace may still have reason to refuse, so that is left to Attach.
func (h KprobeMulti) match(shown Hook, as func(KprobeMulti) Hook) (Hook, error) {
	symbols, err := multiSymbols(h.Pattern, h.Symbols, h.Cookies, func() ([]string, error) {
		names, err := tracedFunctions()
		if err != nil {
			err = &untold{err}
		}
		return names, err
	})
	switch {
	case errors.As(err, new(*untold)):
		return nil, nil
	case err != nil, h.Pattern == "":
		return nil, err
	}
	h.Pattern, h.Symbols = "", symbols
	return matched{shown, as(h)}, nil
}

// untold is an error of tracedFunctions.
type untold struct{ error }

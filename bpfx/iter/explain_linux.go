package iter

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// explain says what the kernel's errno of making a link means.
func explain(err error, target string, opts *Options, from *loaded) error {
	var errno unix.Errno
	if !errors.As(err, &errno) || strings.HasPrefix(err.Error(), "Options.") {
		return err // told already
	}
	if target == notIterator {
		return fmt.Errorf("the program isn't an iterator's: load it with iter.Load, or from a section such as \"iter/task\": %w", err)
	}
	why := ""
	has, known := traits[target]
	switch set := opts.params(); {
	case errno == unix.EINVAL && known && !has.sleepable && (from.sleepable || set == ParamsNone):
		// It comes first in the kernel, and without options nothing else is left.
		why = fmt.Sprintf("target %s takes no sleepable programs; those that do are %s", target, strings.Join(sleepableTargets(), ", "))
	case set == ParamsMap:
		why = explainMap(errno, target, opts.Map)
	case set == ParamsCgroup:
		why = explainCgroup(errno, opts.Cgroup)
	case set == ParamsTask && errno == unix.E2BIG:
		return errNoTask()
	case set == ParamsNone && errno == unix.EBADF:
		why = strings.Join(strings.Fields("target "+target+" needs a map: set Options.Map"), " ")
	}
	if why == "" {
		return err
	}
	return fmt.Errorf("%s: %w", why, err)
}

func sleepableTargets() []string {
	var names []string
	for name, t := range traits {
		if t.sleepable {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// mapTypes says which types of map a target takes.
var mapTypes = map[string]string{
	"bpf_map_elem":       "hash and array maps, LRU and per-CPU ones too",
	"sockmap":            "SockMap and SockHash",
	"bpf_sk_storage_map": "SkStorage",
}

func explainMap(errno unix.Errno, target string, m *ebpf.Map) string {
	takes, ok := mapTypes[target]
	switch {
	case errno == unix.EINVAL && ok:
		return fmt.Sprintf("the map is of type %v, target %s takes %s", m.Type(), target, takes)
	case errno == unix.EINVAL:
		return fmt.Sprintf("the target takes no map of type %v", m.Type())
	case errno == unix.EACCES:
		return fmt.Sprintf("the program reads beyond the map's keys of %d bytes or its values of %d", m.KeySize(), m.ValueSize())
	}
	return ""
}

func explainCgroup(errno unix.Errno, c Cgroup) string {
	switch {
	case errno == unix.EINVAL && c.Order == Children:
		return "this kernel doesn't know Options.Cgroup.Order Children: Requires Linux 7.0"
	case errno == unix.ENOENT && c.ID != 0:
		return fmt.Sprintf("Options.Cgroup.ID: there is no cgroup %d", c.ID)
	case errno == unix.ENOENT:
		return "Options.Cgroup: the cgroup was removed"
	case errno == unix.EBADF && c.Path != "":
		return fmt.Sprintf("Options.Cgroup.Path: %s isn't the directory of a cgroup", c.Path)
	case errno == unix.EBADF:
		return fmt.Sprintf("Options.Cgroup.FD: descriptor %d isn't one of a cgroup's directory", c.FD)
	}
	return ""
}

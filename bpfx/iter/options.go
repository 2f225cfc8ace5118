package iter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
)

// Options say which objects an iterator goes over. The zero value means all
// that the target has. A target takes one part at most: see [Target].
type Options struct {
	// Map is the map whose elements are gone over: of any hash or array type for
	// bpf_map_elem, a sockmap or sockhash for sockmap, a socket storage for
	// bpf_sk_storage_map. These three need it. It stays the caller's, and may be
	// closed once the iterator is open.
	Map *ebpf.Map
	// Task restricts task, task_file and task_vma.
	Task Task
	// Cgroup restricts cgroup.
	Cgroup Cgroup
}

// Task restricts an iterator to a thread or to the threads of a process. One
// of the fields may be set; none means all tasks of the machine that are in the
// PID namespace of who reads. Requires Linux 6.1.
//
// Open looks whether there is such a task. The kernel remembers its number
// only: once it is gone, sessions find nothing, or another task that has got
// the number.
type Task struct {
	// TID is a thread, by its id in the PID namespace of this process; 0 for none.
	TID int
	// PID is a process, by its id in the PID namespace of this process; 0 for
	// none.
	PID int
	// PIDFD is a process, by a descriptor of pidfd_open(2); 0 for none. It stays
	// the caller's, and may be closed once the iterator is open.
	PIDFD int
}

// Cgroup says where in the hierarchy of cgroup2 an iterator starts and which
// way it goes. One of Path, FD and ID may be set; none means the root.
// Requires Linux 6.1.
//
// Cgroups that go away before they are reached are left out. The whole output
// must fit into one read, which is 32 KiB with pages of 4 KiB: the kernel can't
// go on afterwards, and reading ends with an error wrapping EOPNOTSUPP.
type Cgroup struct {
	// Path is the directory of a cgroup, such as "/sys/fs/cgroup/system.slice".
	Path string
	// FD is a descriptor of such a directory; 0 for none. It stays the
	// caller's, and may be closed once the iterator is open.
	FD int
	// ID is the id of a cgroup, the inode of its directory; 0 for none.
	ID uint64
	// Order is the way to go; 0 is DescendantsPre.
	Order Order
}

// Order is the way that an iterator goes from a cgroup.
type Order int

// The numbers are the kernel's, enum bpf_cgroup_iter_order.
const (
	// Self is the cgroup alone.
	Self Order = iota + 1
	// DescendantsPre is the cgroup and all below it, parents first. It is the
	// default.
	DescendantsPre
	// DescendantsPost is the cgroup and all below it, children first.
	DescendantsPost
	// AncestorsUp is the cgroup and all above it, up to the root.
	AncestorsUp
	// Children are the cgroups directly below it, without itself. Requires
	// Linux 7.0.
	Children
)

// String returns the name of the order.
func (o Order) String() string {
	switch o {
	case 0:
		return "default"
	case Self:
		return "Self"
	case DescendantsPre:
		return "DescendantsPre"
	case DescendantsPost:
		return "DescendantsPost"
	case AncestorsUp:
		return "AncestorsUp"
	case Children:
		return "Children"
	}
	return fmt.Sprintf("Order(%d)", int(o))
}

// params returns the part that is set.
func (o *Options) params() Params {
	switch {
	case o.Map != nil:
		return ParamsMap
	case o.Task != Task{}:
		return ParamsTask
	case o.Cgroup != Cgroup{}:
		return ParamsCgroup
	}
	return ParamsNone
}

// setting is a field of Options and whether it is set.
type setting struct {
	name string
	set  bool
}

// check refuses what can't be for any target, and names all of it.
func (o *Options) check() error {
	t, c := o.Task, o.Cgroup
	errs := []error{
		exclusive(setting{"Map", o.Map != nil}, setting{"Task", t != Task{}}, setting{"Cgroup", c != Cgroup{}}),
		exclusive(setting{"Task.TID", t.TID != 0}, setting{"Task.PID", t.PID != 0}, setting{"Task.PIDFD", t.PIDFD != 0}),
		exclusive(setting{"Cgroup.Path", c.Path != ""}, setting{"Cgroup.FD", c.FD != 0}, setting{"Cgroup.ID", c.ID != 0}),
		natural("Task.TID", t.TID), natural("Task.PID", t.PID), natural("Task.PIDFD", t.PIDFD), natural("Cgroup.FD", c.FD),
	}
	if o.Map != nil && o.Map.Type() == ebpf.UnspecifiedMap {
		errs = append(errs, errors.New("Map is empty: open one first"))
	}
	if c.Order < 0 || c.Order > Children {
		errs = append(errs, fmt.Errorf("unknown Cgroup.Order %v", c.Order))
	}
	return errors.Join(errs...)
}

// exclusive returns an error that names the settings if more than one is set.
func exclusive(list ...setting) error {
	var names []string
	for _, s := range list {
		if s.set {
			names = append(names, s.name)
		}
	}
	if len(names) < 2 {
		return nil
	}
	return fmt.Errorf("%s exclude each other: set one of them", strings.Join(names, " and "))
}

// natural refuses numbers below 0, and beyond what the kernel takes.
func natural(name string, n int) error {
	if n < 0 || int64(n) > 1<<31-1 {
		return fmt.Errorf("%s is %d: it must be above 0, or 0 for none", name, n)
	}
	return nil
}

// checkTarget refuses options that a target doesn't take, and a missing map.
// Targets that this package doesn't know take any: the kernel decides.
func (o *Options) checkTarget(name string) error {
	has, known := traits[name]
	set := o.params()
	switch {
	case !known || set == has.params:
		return nil
	case set != ParamsNone && has.params == ParamsNone:
		return fmt.Errorf("target %s takes no options, Options.%v is set", name, set)
	case set != ParamsNone:
		return fmt.Errorf("target %s takes Options.%v, Options.%v is set", name, has.params, set)
	case has.params == ParamsMap:
		return fmt.Errorf("target %s needs a map: set Options.Map", name)
	}
	return nil
}

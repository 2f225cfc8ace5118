package iter

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Info is what the kernel tells of an iterator.
type Info struct {
	// Target is what it goes over, such as "task". It is "" before Linux 5.10.
	Target string
	// ID is the id of its link.
	ID link.ID
	// Program is the id of the program.
	Program ebpf.ProgramID
	// Map is the id of Options.Map, of targets that take it; 0 of others.
	Map ebpf.MapID
	// TID is Options.Task.TID, in the PID namespace of who opened it; 0 if it
	// isn't restricted to a thread.
	TID int
	// PID is Options.Task.PID, or that of Options.Task.PIDFD, in the PID namespace
	// of who opened it; 0 if it isn't restricted to a process.
	PID int
	// CgroupID is the id of the cgroup it starts from, of target cgroup.
	CgroupID uint64
	// Order is the way it goes from there.
	Order Order
}

// Info asks the kernel what the iterator is.
func (it *Iterator) Info() (info Info, err error) {
	if it == nil {
		return info, fmt.Errorf("info: %w", errNilIterator)
	}
	err = it.a.Use(func(l link.Link) (err error) {
		info, err = infoOf(l)
		return err
	})
	return info, err
}

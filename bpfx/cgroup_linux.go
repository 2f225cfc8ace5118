package bpfx

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Attach attaches p, which must be of the type that the attach type takes. See
// [Attach].
func (h Cgroup) Attach(p *ebpf.Program) (*Attachment, error) {
	kind, ok := cgroupKinds[h.AttachType]
	if !ok {
		return nil, fmt.Errorf("%v is not an attach type of cgroups", h.AttachType)
	}
	if err := checkProgram(p, kind.program); err != nil {
		return nil, err
	}
	if h.Path == "" {
		return nil, errors.New("no cgroup: set Path")
	}
	if err := checkCgroup(h.Path); err != nil {
		return nil, err
	}
	l, err := link.AttachCgroup(link.CgroupOptions{Path: h.Path, Attach: h.AttachType, Program: p})
	return newAttachment(l, err)
}

// checkCgroup returns an error unless path is a cgroup that can be opened:
// cilium/ebpf drops the errno of one that can't, and the kernel says EBADF of
// what isn't one.
func checkCgroup(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open cgroup", Path: path, Err: err}
	}
	defer unix.Close(fd) // only looked at
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	if st.Type != unix.CGROUP2_SUPER_MAGIC {
		return fmt.Errorf("%s is not in a cgroup2 hierarchy (it is mounted with: mount -t cgroup2 cgroup2 /sys/fs/cgroup): %w", path, unix.EBADF)
	}
	return nil
}

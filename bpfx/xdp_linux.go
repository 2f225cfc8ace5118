package bpfx

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Attach attaches p, which must be of type [ebpf.XDP]. See [Attach].
func (h XDP) Attach(p *ebpf.Program) (*Attachment, error) {
	if err := checkProgram(p, ebpf.XDP); err != nil {
		return nil, err
	}
	flags := [...]link.XDPAttachFlags{
		XDPAuto:    0,
		XDPGeneric: link.XDPGenericMode,
		XDPDriver:  link.XDPDriverMode,
		XDPOffload: link.XDPOffloadMode,
	}
	if h.Mode < 0 || int(h.Mode) >= len(flags) {
		return nil, fmt.Errorf("unknown mode %v", h.Mode)
	}
	index, err := interfaceIndex(h.Interface, h.Index)
	if err != nil {
		return nil, err
	}
	l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: index, Flags: flags[h.Mode]})
	switch {
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EEXIST):
		err = xdpTaken(index, err)
	case errors.Is(err, unix.EOPNOTSUPP) && h.Mode == XDPDriver:
		err = because(err, finding{
			why:    "the interface's driver doesn't run it (try XDPGeneric)",
			remedy: "attach with Mode XDPGeneric or XDPAuto",
		})
	}
	return newAttachment(l, err)
}

// interfaceIndex returns the index of an interface of the current network
// namespace, given by name or by index.
func interfaceIndex(name string, index int) (int, error) {
	if name == "" && index == 0 {
		return 0, errors.New("no interface: set Interface or Index")
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open a socket: %w", err)
	}
	defer unix.Close(fd)
	if name == "" {
		return index, interfaceExists(fd, index)
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("interface %q: names have 1 to 15 bytes: %w", name, err)
	}
	err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req)
	if err == nil && strings.Contains(name, ":") {
		err = unix.ENODEV // the kernel only looks at what is before (net/core/dev_ioctl.c)
	}
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", name, err)
	}
	if got := int(req.Uint32()); index != 0 && got != index {
		return 0, fmt.Errorf("interface %q has index %d, not %d: set Interface or Index", name, got, index)
	}
	return int(req.Uint32()), nil
}

// interfaceExists returns an error wrapping ENODEV unless the interface exists.
func interfaceExists(fd, index int) error {
	if index < 1 || index > math.MaxInt32 { // the kernel would look at half of it
		return fmt.Errorf("interface with index %d: %w", index, unix.ENODEV)
	}
	// A name is required to make an Ifreq. The kernel only reads the index.
	req, err := unix.NewIfreq("?")
	if err != nil {
		return err
	}
	req.SetUint32(uint32(index))
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, req); err != nil {
		return fmt.Errorf("interface with index %d: %w", index, err)
	}
	return nil
}

package netns

import (
	"encoding/binary"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// NewNetkit makes a pair of netkit devices in the network namespace of the
// calling thread and sets both up. They go with the namespace, or when one of
// them is deleted. Returns an error wrapping EOPNOTSUPP if the kernel has no
// netkit. Requires Linux 6.7 and CONFIG_NETKIT.
func NewNetkit(primary, peer string) error {
	info := append(make([]byte, unix.SizeofIfInfomsg), attr(unix.IFLA_IFNAME, cString(peer))...)
	if err := newLink(primary, "netkit", attr(iflaNetkitPeerInfo, info)); err != nil {
		return fmt.Errorf("make netkit devices: %w", err)
	}
	for _, name := range []string{primary, peer} {
		if err := linkUp(name); err != nil {
			return fmt.Errorf("set %s up: %w", name, err)
		}
	}
	return nil
}

// iflaNetkitPeerInfo is IFLA_NETKIT_PEER_INFO of include/uapi/linux/if_link.h.
const iflaNetkitPeerInfo = 1

// newLink makes a network device by one RTM_NEWLINK message. data is what its
// kind takes.
func newLink(name, kind string, data []byte) error {
	info := append(attr(unix.IFLA_INFO_KIND, cString(kind)), attr(unix.IFLA_INFO_DATA, data)...)
	body := append(make([]byte, unix.SizeofIfInfomsg), attr(unix.IFLA_IFNAME, cString(name))...)
	return rtnetlink(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, append(body, attr(unix.IFLA_LINKINFO, info)...))
}

// linkUp sets a network device up.
func linkUp(name string) error {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	body := make([]byte, unix.SizeofIfInfomsg) // struct ifinfomsg
	binary.NativeEndian.PutUint32(body[4:], uint32(i.Index))
	binary.NativeEndian.PutUint32(body[8:], unix.IFF_UP)  // flags
	binary.NativeEndian.PutUint32(body[12:], unix.IFF_UP) // those that change
	return rtnetlink(unix.RTM_SETLINK, 0, body)
}

// rtnetlink sends one message and returns the kernel's answer to it.
func rtnetlink(typ, flags uint16, body []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	msg := make([]byte, unix.SizeofNlMsghdr, unix.SizeofNlMsghdr+len(body)) // struct nlmsghdr
	binary.NativeEndian.PutUint32(msg, uint32(cap(msg)))
	binary.NativeEndian.PutUint16(msg[4:], typ)
	binary.NativeEndian.PutUint16(msg[6:], flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	if err := unix.Sendto(fd, append(msg, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return fmt.Errorf("rtnetlink answers with %d bytes that are no acknowledgement", n)
	}
	if errno := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); errno != 0 {
		return unix.Errno(-errno)
	}
	return nil
}

// attr returns a netlink attribute (struct nlattr).
func attr(typ uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofNlAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, value...)
	return append(b, make([]byte, -len(b)&(unix.NLA_ALIGNTO-1))...)
}

func cString(s string) []byte { return append([]byte(s), 0) }

package netns

import (
	"encoding/binary"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// NewNetkit makes a pair of netkit devices in the network namespace of the
// calling thread, sets both up and waits until they send. They go with the
// namespace, or when one of them is deleted. Returns an error wrapping EOPNOTSUPP
// if the kernel has no netkit. Requires Linux 6.7 and CONFIG_NETKIT.
func NewNetkit(primary, peer string) error {
	return newPair("netkit", primary, peer, iflaNetkitPeerInfo)
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

// newPair makes two network devices that are connected to each other, sets both
// up and waits until they send. peerInfo is the attribute of their kind that
// describes the second.
//
// The carrier of the first comes with the second, and then it is not at once
// that the kernel starts its queue, but in the background
// (net/core/link_watch.c). Until then it drops what is sent, without an error.
func newPair(kind, name, peer string, peerInfo uint16) error {
	info := append(make([]byte, unix.SizeofIfInfomsg), attr(unix.IFLA_IFNAME, cString(peer))...)
	if err := newLink(name, kind, attr(peerInfo, info)); err != nil {
		return fmt.Errorf("make %s devices: %w", kind, err)
	}
	for _, name := range []string{name, peer} {
		if err := linkUp(name); err != nil {
			return fmt.Errorf("set %s up: %w", name, err)
		}
	}
	for _, name := range []string{name, peer} {
		if err := awaitUp(name); err != nil {
			return fmt.Errorf("wait for %s: %w", name, err)
		}
	}
	return nil
}

// awaitUp waits until a network device sends.
func awaitUp(name string) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		state, err := operState(name)
		if err != nil || state == ifOperUp {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("it is in state %d, not up", state)
		}
	}
}

// ifOperUp is IF_OPER_UP of include/uapi/linux/if.h.
const ifOperUp = 6

// operState returns the operational state of a network device. The kernel is
// asked for this device alone: from Linux 6.8 on it then does what it had left
// for the background, which it doesn't for a list of all.
func operState(name string) (byte, error) {
	body, err := infoOf(name)
	if err != nil {
		return 0, err
	}
	answer, err := request(unix.RTM_GETLINK, 0, body)
	if err != nil {
		return 0, err
	}
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil {
		return 0, err
	}
	for n := range messages {
		attrs, err := syscall.ParseNetlinkRouteAttr(&messages[n])
		if err != nil {
			return 0, err
		}
		for _, a := range attrs {
			if a.Attr.Type == unix.IFLA_OPERSTATE && len(a.Value) > 0 {
				return a.Value[0], nil
			}
		}
	}
	return 0, fmt.Errorf("no state in %d bytes of rtnetlink", len(answer))
}

// infoOf returns a struct ifinfomsg that names a network device.
func infoOf(name string) ([]byte, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	body := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(body[4:], uint32(i.Index))
	return body, nil
}

// linkUp sets a network device up.
func linkUp(name string) error {
	body, err := infoOf(name)
	if err != nil {
		return err
	}
	binary.NativeEndian.PutUint32(body[8:], unix.IFF_UP)  // flags
	binary.NativeEndian.PutUint32(body[12:], unix.IFF_UP) // those that change
	return rtnetlink(unix.RTM_SETLINK, 0, body)
}

// rtnetlink sends one message and returns the kernel's answer to it.
func rtnetlink(typ, flags uint16, body []byte) error {
	answer, err := request(typ, flags|unix.NLM_F_ACK, body)
	if err == nil && binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		err = fmt.Errorf("rtnetlink answers with %d bytes that are no acknowledgement", len(answer))
	}
	return err
}

// request sends one message and returns the first that the kernel answers with,
// or the error that is in there.
func request(typ, flags uint16, body []byte) ([]byte, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	msg := make([]byte, unix.SizeofNlMsghdr, unix.SizeofNlMsghdr+len(body)) // struct nlmsghdr
	binary.NativeEndian.PutUint32(msg, uint32(cap(msg)))
	binary.NativeEndian.PutUint16(msg[4:], typ)
	binary.NativeEndian.PutUint16(msg[6:], flags|unix.NLM_F_REQUEST)
	if err := unix.Sendto(fd, append(msg, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	answer := make([]byte, 16384)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return nil, err
	}
	if answer = answer[:n]; n < unix.SizeofNlMsghdr+4 {
		return nil, fmt.Errorf("rtnetlink answers with %d bytes", n)
	}
	if binary.NativeEndian.Uint16(answer[4:]) == unix.NLMSG_ERROR {
		if errno := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); errno != 0 {
			return nil, unix.Errno(-errno)
		}
	}
	return answer, nil
}

// attr returns a netlink attribute (struct nlattr).
func attr(typ uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofNlAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, value...)
	return append(b, make([]byte, -len(b)&(unix.NLA_ALIGNTO-1))...)
}

func cString(s string) []byte { return append([]byte(s), 0) }

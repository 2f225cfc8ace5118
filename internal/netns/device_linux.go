package netns

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// NewVeth makes a pair of veth devices in the network namespace of the calling
// thread, sets both up and waits until they send. They go with the namespace, or
// when one of them is deleted. Returns an error wrapping EOPNOTSUPP if the kernel
// has no veth.
func NewVeth(name, peer string) error {
	return newPair("veth", name, peer, vethInfoPeer)
}

// vethInfoPeer is VETH_INFO_PEER of include/uapi/linux/veth.h.
const vethInfoPeer = 1

// NewVXLAN makes a VXLAN device with an identifier over IPv4 and sets it up.
// Frames go to remote, port 4789. Returns an error wrapping EOPNOTSUPP if the
// kernel has no VXLAN.
func NewVXLAN(name string, id uint32, local, remote netip.Addr) error {
	data := attr(unix.IFLA_VXLAN_ID, binary.NativeEndian.AppendUint32(nil, id))
	data = append(data, attr(unix.IFLA_VXLAN_LOCAL, local.AsSlice())...)
	data = append(data, attr(unix.IFLA_VXLAN_GROUP, remote.AsSlice())...)
	data = append(data, attr(unix.IFLA_VXLAN_PORT, binary.BigEndian.AppendUint16(nil, 4789))...)
	if err := newLink(name, "vxlan", data); err != nil {
		return fmt.Errorf("make VXLAN device: %w", err)
	}
	return linkUp(name)
}

// Attributes of GRE devices, include/uapi/linux/if_tunnel.h.
const (
	iflaGREOutFlags = 3
	iflaGREOutKey   = 5
	iflaGRELocal    = 6
	iflaGRERemote   = 7
)

// NewGRE makes a device for Ethernet in GRE over IPv4, with a key and sequence
// numbers and checksums, and sets it up. Returns an error wrapping EOPNOTSUPP if
// the kernel has no GRE.
func NewGRE(name string, key uint32, local, remote netip.Addr) error {
	flags := binary.BigEndian.AppendUint16(nil, 0x8000|0x2000|0x1000) // GRE_CSUM, GRE_KEY, GRE_SEQ
	data := attr(iflaGRELocal, local.AsSlice())
	data = append(data, attr(iflaGRERemote, remote.AsSlice())...)
	data = append(data, attr(iflaGREOutFlags, flags)...)
	data = append(data, attr(iflaGREOutKey, binary.BigEndian.AppendUint32(nil, key))...)
	if err := newLink(name, "gretap", data); err != nil {
		return fmt.Errorf("make GRE device: %w", err)
	}
	return linkUp(name)
}

// AddAddr gives a device an address with the length of its prefix. IPv6
// addresses can be used at once, without looking for duplicates.
func AddAddr(name string, addr netip.Prefix) error {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	family := byte(unix.AF_INET)
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	body := []byte{family, byte(addr.Bits()), unix.IFA_F_NODAD, 0} // struct ifaddrmsg
	body = binary.NativeEndian.AppendUint32(body, uint32(i.Index))
	body = append(body, attr(unix.IFA_LOCAL, addr.Addr().AsSlice())...)
	body = append(body, attr(unix.IFA_ADDRESS, addr.Addr().AsSlice())...)
	if err := rtnetlink(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body); err != nil {
		return fmt.Errorf("add %v to %s: %w", addr, name, err)
	}
	return nil
}

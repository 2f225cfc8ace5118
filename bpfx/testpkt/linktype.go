package testpkt

import "strconv"

// LinkType says what the packets of a capture start with
// (https://www.tcpdump.org/linktypes.html).
type LinkType uint16

// Link types that captures often have.
const (
	LinkTypeNull      LinkType = 0   // BSD loopback
	LinkTypeEthernet  LinkType = 1   // an Ethernet header
	LinkTypeRaw       LinkType = 101 // an IPv4 or IPv6 header
	LinkTypeLinuxSLL  LinkType = 113 // of "any" interface of Linux
	LinkTypeIPv4      LinkType = 228 // an IPv4 header
	LinkTypeIPv6      LinkType = 229 // an IPv6 header
	LinkTypeLinuxSLL2 LinkType = 276 // of "any" interface of Linux, since libpcap 1.10
)

// String returns tcpdump's name for the type, such as "EN10MB", or its number.
func (t LinkType) String() string {
	switch t {
	case LinkTypeNull:
		return "NULL"
	case LinkTypeEthernet:
		return "EN10MB"
	case LinkTypeRaw:
		return "RAW"
	case LinkTypeLinuxSLL:
		return "LINUX_SLL"
	case LinkTypeIPv4:
		return "IPV4"
	case LinkTypeIPv6:
		return "IPV6"
	case LinkTypeLinuxSLL2:
		return "LINUX_SLL2"
	}
	return strconv.Itoa(int(t))
}

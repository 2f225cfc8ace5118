package testpkt

import "strconv"

// LinkType says what the packets of a capture start with
// (https://www.tcpdump.org/linktypes.html). [LinkTypeEthernet] and its like are
// some.
type LinkType uint16

// Link types that programs can't be run over.
const (
	LinkTypeNull      = 0   // BSD loopback
	LinkTypeLinuxSLL  = 113 // Linux's interface "any"
	LinkTypeLinuxSLL2 = 276 // the same, since libpcap 1.10
)

// String returns tcpdump's name for the type, such as "EN10MB", or its number.
func (t LinkType) String() string {
	switch t {
	case LinkTypeNull:
		return "NULL"
	case LinkTypeEthernet:
		return "EN10MB"
	case LinkTypeIP:
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

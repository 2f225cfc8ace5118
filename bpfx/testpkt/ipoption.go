package testpkt

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// Kinds of IPv4 options.
const (
	ip4RecordRoute = 7
	ip4LooseRoute  = 131
	ip4StrictRoute = 137
	ip4RouterAlert = 148
)

// Kinds of options in IPv6 extension headers.
const (
	ip6Pad1        = 0
	ip6RouterAlert = 5
	ip6Jumbo       = 0xc2
)

// RouteKind says what an [IPv4Route] is for.
type RouteKind uint8

// Kinds of routes in IPv4 options (RFC 791).
const (
	RecordRoute RouteKind = ip4RecordRoute // routers write their addresses
	LooseRoute  RouteKind = ip4LooseRoute  // the packet passes these addresses and others
	StrictRoute RouteKind = ip4StrictRoute // the packet passes these addresses only
)

// IPv4Route is an IPv4 option with addresses of routers (RFC 791).
type IPv4Route struct {
	Kind    RouteKind // zero: [RecordRoute]
	Pointer uint8     // to the next address, in bytes from 1; zero: 4, the first
	Addrs   []netip.Addr
}

// AppendOption implements [Option]. Addresses that aren't IPv4 are 0.0.0.0;
// more than 63 are left out.
func (o IPv4Route) AppendOption(b []byte) []byte {
	setDefault(&o.Kind, RecordRoute)
	setDefault(&o.Pointer, 4)
	addrs := o.Addrs[:min(len(o.Addrs), (0xff-3)/4)]
	b = append(b, byte(o.Kind), byte(3+4*len(addrs)), o.Pointer)
	for _, a := range addrs {
		if !a.Is4() {
			a = netip.IPv4Unspecified()
		}
		b = binary.BigEndian.AppendUint32(b, be32(a))
	}
	return b
}

// String implements [Option].
func (o IPv4Route) String() string {
	name := map[RouteKind]string{0: "RR", RecordRoute: "RR", LooseRoute: "LSRR", StrictRoute: "SSRR"}[o.Kind]
	return name + addrList(o.Addrs)
}

func addrList(addrs []netip.Addr) string {
	var s strings.Builder
	for _, a := range addrs {
		s.WriteByte(' ')
		s.WriteString(a.String())
	}
	return s.String()
}

// final returns the final destination, the last address of a source route that
// isn't used up; false if that is the one in the header.
func (l *IPv4) final() (dst []byte, ok bool) {
	for options := l.Options; len(options) > 0 && options[0] != optEnd; {
		if options[0] == optNoOperation {
			options = options[1:]
			continue
		}
		if len(options) < 7 || options[1] < 2 || int(options[1]) > len(options) {
			break // no room for a route, or malformed
		}
		option := options[:options[1]]
		route := option[0] == ip4LooseRoute || option[0] == ip4StrictRoute
		if n := len(option); route && n >= 7 && int(option[2])+3 <= n {
			return option[n-4:], true
		}
		options = options[len(option):]
	}
	return nil, false
}

// RouterAlert asks routers to look at the packet, an IPv4 option; zero is its
// only value that is in use (RFC 2113).
type RouterAlert uint16

// AppendOption implements [Option].
func (o RouterAlert) AppendOption(b []byte) []byte {
	return append(b, ip4RouterAlert, 4, byte(o>>8), byte(o))
}

// String implements [Option].
func (o RouterAlert) String() string { return "RA" }

// ParseIPv4Options takes the options of an IPv4 header apart: [IPv4Route],
// [RouterAlert], [NoOperation], [EndOfOptions], behind which nothing is looked
// at, and [UnknownOption] for all else. They share memory with b.
//
// Returns the options so far and an error where a length is impossible.
func ParseIPv4Options(b []byte) ([]Option, error) { return parseOptions(b, ipv4Option) }

// ipv4Option returns an option of a known kind and a right length, nil for others.
func ipv4Option(kind uint8, data []byte) Option {
	switch kind {
	case ip4RouterAlert:
		if len(data) == 2 {
			return RouterAlert(binary.BigEndian.Uint16(data))
		}
	case ip4RecordRoute, ip4LooseRoute, ip4StrictRoute:
		if len(data)%4 == 1 && data[0] != 0 {
			o := IPv4Route{Kind: RouteKind(kind), Pointer: data[0]}
			for data = data[1:]; len(data) > 0; data = data[4:] {
				o.Addrs = append(o.Addrs, netip.AddrFrom4([4]byte(data)))
			}
			return o
		}
	}
	return nil
}

// Pad is padding in an IPv6 extension header, of as many bytes (RFC 8200
// section 4.2): none, one zero, or an option with zeros, of at most 257.
type Pad uint16

// AppendOption implements [Option].
func (o Pad) AppendOption(b []byte) []byte {
	switch o {
	case 0:
		return b
	case 1:
		return append(b, ip6Pad1)
	}
	n := min(int(o)-2, 0xff)
	return append(append(b, padN, byte(n)), make([]byte, n)...)
}

// String implements [Option].
func (o Pad) String() string { return fmt.Sprintf("pad%d", uint16(o)) }

// IPv6RouterAlert asks routers to look at the packet: 0 for multicast listener
// discovery, 1 for RSVP (RFC 2711).
type IPv6RouterAlert uint16

// AppendOption implements [Option].
func (o IPv6RouterAlert) AppendOption(b []byte) []byte {
	return append(b, ip6RouterAlert, 2, byte(o>>8), byte(o))
}

// String implements [Option].
func (o IPv6RouterAlert) String() string { return fmt.Sprintf("rtalert %d", uint16(o)) }

// Jumbo is the length of a packet whose IPv6 header says 0, without that
// header, in bytes (RFC 2675).
type Jumbo uint32

// AppendOption implements [Option].
func (o Jumbo) AppendOption(b []byte) []byte {
	return binary.BigEndian.AppendUint32(append(b, ip6Jumbo, 4), uint32(o))
}

// String implements [Option].
func (o Jumbo) String() string { return fmt.Sprintf("jumbo %d", uint32(o)) }

// UnknownIPv6Option is an option of an IPv6 extension header that has no type
// of its own, with at most 255 bytes of data, the rest of which is left out.
type UnknownIPv6Option struct {
	Kind uint8 // the upper bits say what those do who don't know it
	Data []byte
}

// AppendOption implements [Option].
func (o UnknownIPv6Option) AppendOption(b []byte) []byte {
	data := o.Data[:min(len(o.Data), 0xff)]
	return append(append(b, o.Kind, byte(len(data))), data...)
}

// String implements [Option].
func (o UnknownIPv6Option) String() string { return UnknownOption(o).String() }

// ParseIPv6Options takes the options of an IPv6 extension header apart: [Pad],
// [IPv6RouterAlert], [Jumbo], and [UnknownIPv6Option] for all else, padding
// that isn't zero too. They share memory with b.
//
// Returns the options so far and an error where a length is impossible.
func ParseIPv6Options(b []byte) ([]Option, error) {
	var options []Option
	for i := 0; i < len(b); {
		if b[i] == ip6Pad1 {
			options = append(options, Pad(1))
			i++
			continue
		}
		if i+1 == len(b) {
			return options, fmt.Errorf("option %d at byte %d: no length", b[i], i)
		}
		end := i + 2 + int(b[i+1])
		if end > len(b) {
			return options, fmt.Errorf("option %d at byte %d: length %d of %d bytes", b[i], i, b[i+1], len(b)-i-2)
		}
		options = append(options, ipv6Option(b[i], b[i+2:end:end]))
		i = end
	}
	return options, nil
}

func ipv6Option(kind uint8, data []byte) Option {
	switch {
	case kind == padN && allZero(data):
		return Pad(2 + len(data))
	case kind == ip6RouterAlert && len(data) == 2:
		return IPv6RouterAlert(binary.BigEndian.Uint16(data))
	case kind == ip6Jumbo && len(data) == 4:
		return Jumbo(binary.BigEndian.Uint32(data))
	}
	return UnknownIPv6Option{Kind: kind, Data: data}
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

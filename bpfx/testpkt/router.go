package testpkt

import "encoding/binary"

const (
	routerSolicitLen = 8  // bytes, without options
	routerAdvertLen  = 16 // bytes, without options
)

// RouterSolicit is a router solicitation: an ICMPv6 message of 8 bytes and
// options (RFC 4861 section 4.1).
type RouterSolicit struct {
	Code     uint8  // zero in all that nodes accept
	Checksum uint16 // of pseudo header and message; zero: computed
	Reserved uint32 // 32 bits

	// Options are raw, of whole 8-byte units; see [Options] and [SourceLinkAddr].
	Options []byte

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l RouterSolicit) Append(b []byte, p Place) ([]byte, error) {
	start := len(b)
	b = append(b, ICMPv6RouterSolicit, l.Code, byte(l.Checksum>>8), byte(l.Checksum))
	b = binary.BigEndian.AppendUint32(b, l.Reserved)
	return appendND(b, start, p, l.Checksum, l.Options, l.Exact)
}

// Number implements [Layer].
func (l RouterSolicit) Number(s Space) (uint16, bool) { return ICMPv6{}.Number(s) }

func (l *RouterSolicit) decode(b []byte, next *head) error {
	if len(b) < routerSolicitLen {
		return tooShort(routerSolicitLen)
	}
	be := binary.BigEndian
	*l = RouterSolicit{
		Code: b[1], Checksum: be.Uint16(b[2:]), Reserved: be.Uint32(b[4:]),
		Options: rest(b, routerSolicitLen), Exact: true,
	}
	next.set(len(b), 0, 0, 0)
	return nil
}

// RouterFlags are the flags of a router advertisement.
type RouterFlags uint8

// The flags of a router advertisement (RFC 4861 section 4.2). The bits below
// are a preference (RFC 4191) and reserved ones.
const (
	ManagedAddresses RouterFlags = 0x80 // M: addresses from DHCPv6
	OtherConfig      RouterFlags = 0x40 // O: other configuration from DHCPv6
)

// RouterAdvert is a router advertisement: an ICMPv6 message of 16 bytes and
// options (RFC 4861 section 4.2).
type RouterAdvert struct {
	Code      uint8       // zero in all that nodes accept
	Checksum  uint16      // of pseudo header and message; zero: computed
	HopLimit  uint8       // for packets of those who hear it; 0: unspecified
	Flags     RouterFlags // 8 bits
	Lifetime  uint16      // of the router as default router, seconds; zero: 1800
	Reachable uint32      // how long a neighbour counts as reachable, ms; 0: unspecified
	Retrans   uint32      // between two solicitations, ms; 0: unspecified

	// Options are raw, of whole 8-byte units; see [Options], [PrefixInfo], [MTU]
	// and [SourceLinkAddr].
	Options []byte

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l RouterAdvert) Append(b []byte, p Place) ([]byte, error) {
	if !l.Exact {
		setDefault(&l.Lifetime, 1800)
	}
	start := len(b)
	b = append(b,
		ICMPv6RouterAdvert, l.Code, byte(l.Checksum>>8), byte(l.Checksum),
		l.HopLimit, byte(l.Flags), byte(l.Lifetime>>8), byte(l.Lifetime),
	)
	b = binary.BigEndian.AppendUint32(b, l.Reachable)
	b = binary.BigEndian.AppendUint32(b, l.Retrans)
	return appendND(b, start, p, l.Checksum, l.Options, l.Exact)
}

// Number implements [Layer].
func (l RouterAdvert) Number(s Space) (uint16, bool) { return ICMPv6{}.Number(s) }

func (l *RouterAdvert) decode(b []byte, next *head) error {
	if len(b) < routerAdvertLen {
		return tooShort(routerAdvertLen)
	}
	be := binary.BigEndian
	*l = RouterAdvert{
		Code: b[1], Checksum: be.Uint16(b[2:]), HopLimit: b[4], Flags: RouterFlags(b[5]), Lifetime: be.Uint16(b[6:]),
		Reachable: be.Uint32(b[8:]), Retrans: be.Uint32(b[12:]),
		Options: rest(b, routerAdvertLen), Exact: true,
	}
	next.set(len(b), 0, 0, 0)
	return nil
}

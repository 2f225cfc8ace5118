package testpkt

// The IPv6 extension headers that hold options are alike but for their number.

const (
	extensionUnit = 8         // bytes; lengths of extension headers don't count the first
	maxExtension  = 256*8 - 2 // room for options, in bytes
	padN          = 1         // type of an option that pads
)

// IPv6HopByHop is an IPv6 hop-by-hop options header (RFC 8200 section 4.3).
type IPv6HopByHop struct {
	NextHeader uint8 // announces the next layer; zero: that of the next layer, or [ProtocolNoNext]
	Length     uint8 // in 8-byte units without the first; zero: computed

	// Options are raw, at most 2046 bytes; see [Options]. Unless Exact they are
	// padded with an option to whole units.
	Options []byte

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l IPv6HopByHop) Append(b []byte, p Place) ([]byte, error) {
	return appendExtension(b, p, l.NextHeader, l.Length, l.Options, l.Exact)
}

// Number implements [Layer].
func (l IPv6HopByHop) Number(s Space) (uint16, bool) {
	return ProtocolHopByHop, s == SpaceIPProtocol
}

func (l *IPv6HopByHop) decode(b []byte, next *head) error {
	if err := decodeExtension(b, next); err != nil {
		return err
	}
	*l = IPv6HopByHop{NextHeader: b[0], Length: b[1], Options: b[2:next.n:next.n], Exact: true}
	return nil
}

// IPv6Destination is an IPv6 destination options header (RFC 8200 section
// 4.6).
type IPv6Destination struct {
	NextHeader uint8 // announces the next layer; zero: that of the next layer, or [ProtocolNoNext]
	Length     uint8 // in 8-byte units without the first; zero: computed

	// Options are raw, at most 2046 bytes; see [Options]. Unless Exact they are
	// padded with an option to whole units.
	Options []byte

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l IPv6Destination) Append(b []byte, p Place) ([]byte, error) {
	return appendExtension(b, p, l.NextHeader, l.Length, l.Options, l.Exact)
}

// Number implements [Layer].
func (l IPv6Destination) Number(s Space) (uint16, bool) {
	return ProtocolDestination, s == SpaceIPProtocol
}

func (l *IPv6Destination) decode(b []byte, next *head) error {
	if err := decodeExtension(b, next); err != nil {
		return err
	}
	*l = IPv6Destination{NextHeader: b[0], Length: b[1], Options: b[2:next.n:next.n], Exact: true}
	return nil
}

// appendExtension appends an extension header of options, and what follows.
func appendExtension(b []byte, p Place, next, length uint8, options []byte, exact bool) ([]byte, error) {
	if len(options) > maxExtension {
		return b, p.Errorf("Options", "%d bytes, at most %d", len(options), maxExtension)
	}
	if !exact {
		if err := p.fillNextHeader(&next); err != nil {
			return b, err
		}
		setDefault(&length, uint8((2+len(options)+extensionUnit-1)/extensionUnit-1))
	}
	b = append(append(b, next, length), options...)
	if !exact {
		switch pad := -(2 + len(options)) & (extensionUnit - 1); pad {
		case 0:
		case 1:
			b = append(b, 0)
		default:
			b = append(b, padN, byte(pad-2))
			b = append(b, make([]byte, pad-2)...)
		}
	}
	return p.AppendNext(b)
}

// decodeExtension takes apart what extension headers have in common.
func decodeExtension(b []byte, next *head) error {
	if len(b) < extensionUnit {
		return tooShort(extensionUnit)
	}
	n := (int(b[1]) + 1) * extensionUnit
	if len(b) < n {
		return tooShort(n)
	}
	next.set(n, 0, SpaceIPProtocol, uint16(b[0]))
	return nil
}

// fillNextHeader sets a next header that is zero to the number of the next
// layer. Zero is a number too: that of a hop-by-hop options header.
func (p Place) fillNextHeader(next *uint8) error {
	if *next != 0 {
		return nil
	}
	if p.carriesNothing() {
		*next = ProtocolNoNext
		return nil
	}
	n, ok := p.next().Number(SpaceIPProtocol)
	if !ok || n > 0xff {
		return p.cannotCarry("NextHeader")
	}
	*next = uint8(n)
	return nil
}

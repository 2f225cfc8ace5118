package testpkt

import "fmt"

// An Option is one option in the header of IPv4, IPv6 extensions, TCP or in a
// message of neighbour discovery. Layers hold options as bytes, so that
// malformed ones can be built and decoded too: [Options] makes them, and
// [ParseTCPOptions], [ParseIPv4Options], [ParseIPv6Options] and
// [ParseNDOptions] take them apart.
//
// An option's length is computed. A wrong one is built with [RawBytes].
type Option interface {
	// AppendOption appends the option as it is in a packet.
	AppendOption(b []byte) []byte

	// String returns the option in a few words, as tcpdump does.
	String() string
}

// Options returns options one after the other, for the field Options of a layer.
func Options(options ...Option) []byte {
	var b []byte
	for _, o := range options {
		b = o.AppendOption(b)
	}
	return b
}

// RawBytes are bytes among options as they are.
type RawBytes []byte

// AppendOption implements [Option].
func (o RawBytes) AppendOption(b []byte) []byte { return append(b, o...) }

// String implements [Option].
func (o RawBytes) String() string { return fmt.Sprintf("%#x", []byte(o)) }

// NoOperation is one byte in options of IPv4 and TCP, to align the next.
type NoOperation struct{}

// AppendOption implements [Option].
func (NoOperation) AppendOption(b []byte) []byte { return append(b, optNoOperation) }

// String implements [Option].
func (NoOperation) String() string { return "nop" }

// EndOfOptions is one byte that ends options of IPv4 and TCP.
type EndOfOptions struct{}

// AppendOption implements [Option].
func (EndOfOptions) AppendOption(b []byte) []byte { return append(b, optEnd) }

// String implements [Option].
func (EndOfOptions) String() string { return "eol" }

// UnknownOption is an option of IPv4 or TCP that has no type of its own: its
// kind, its length in one byte, and data of at most 253 bytes, the rest of
// which is left out.
type UnknownOption struct {
	Kind uint8
	Data []byte
}

// AppendOption implements [Option].
func (o UnknownOption) AppendOption(b []byte) []byte {
	data := o.Data[:min(len(o.Data), 0xff-2)]
	return append(append(b, o.Kind, byte(2+len(data))), data...)
}

// String implements [Option].
func (o UnknownOption) String() string {
	if len(o.Data) == 0 {
		return fmt.Sprintf("opt-%d", o.Kind)
	}
	return fmt.Sprintf("opt-%d:%x", o.Kind, o.Data)
}

// Kinds of options that IPv4 and TCP have in common.
const (
	optEnd         = 0
	optNoOperation = 1
)

// parseOptions takes options of IPv4 or TCP apart. What is behind the end of
// options is left out.
func parseOptions(b []byte, known func(kind uint8, data []byte) Option) ([]Option, error) {
	var options []Option
	for i := 0; i < len(b); {
		switch b[i] {
		case optEnd:
			return append(options, EndOfOptions{}), nil
		case optNoOperation:
			options = append(options, NoOperation{})
			i++
			continue
		}
		if i+1 == len(b) {
			return options, fmt.Errorf("option %d at byte %d: no length", b[i], i)
		}
		n := int(b[i+1])
		if n < 2 || i+n > len(b) {
			return options, fmt.Errorf("option %d at byte %d: length %d of %d bytes", b[i], i, n, len(b)-i)
		}
		data := b[i+2 : i+n : i+n]
		o := known(b[i], data)
		if o == nil {
			o = UnknownOption{Kind: b[i], Data: data}
		}
		options = append(options, o)
		i += n
	}
	return options, nil
}

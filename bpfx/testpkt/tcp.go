package testpkt

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// TCPFlags are the 12 bits of a TCP header between the data offset and the
// window: three reserved ones and nine flags.
type TCPFlags uint16

// The flags of a TCP header (RFC 9293 section 3.1, RFC 3168, RFC 9768).
const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE // accurate ECN, formerly NS
)

// String returns the names of the flags that are set, such as "SYN|ACK", "0"
// if none is. Reserved bits are numbered from 9 to 11.
func (f TCPFlags) String() string {
	names := [12]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE", "9", "10", "11"}
	var set []string
	for i, name := range names {
		if f&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return "0"
	}
	return strings.Join(set, "|")
}

const tcpMinLen = 20 // bytes

// TCP is a TCP header of 20 bytes and options (RFC 9293).
type TCP struct {
	SrcPort uint16 // zero: 12345
	DstPort uint16 // zero: that of the next layer if it has one, else 80
	Seq     uint32 // sequence number
	Ack     uint32 // acknowledgement number

	DataOffset uint8    // header length, 4 bits, in 4-byte words; zero: computed
	Flags      TCPFlags // 12 bits; zero: none is set
	Window     uint16   // bytes, before scaling; zero: 65535
	Checksum   uint16   // of pseudo header, header and data; zero: computed
	Urgent     uint16   // urgent pointer, bytes from Seq

	// Options are raw, at most 40 bytes. Unless Exact they are padded with
	// zeros to a multiple of 4 bytes.
	Options []byte

	// Exact leaves zero fields zero.
	Exact bool
}

// Append implements [Layer].
func (l TCP) Append(b []byte, p Place) ([]byte, error) { return l.append(b, p) }

func (l *TCP) append(b []byte, p Place) ([]byte, error) {
	if l.DataOffset > 0xf || l.Flags > 0xfff || len(l.Options) > maxOptions {
		return b, l.check(p)
	}
	// The rows of the header as RFC 9293 draws them, without Seq and Ack.
	r0 := uint32(l.SrcPort)<<16 | uint32(l.DstPort)
	r3 := uint32(l.DataOffset)<<28 | uint32(l.Flags)<<16 | uint32(l.Window)
	r4 := uint32(l.Checksum)<<16 | uint32(l.Urgent)
	if !l.Exact {
		var port uint16
		if _, ok := p.next().(Payload); !ok {
			if port, ok = p.next().Number(SpaceTCPPort); !ok {
				return b, p.cannotCarry("DstPort")
			}
		}
		r0 = fillPorts(r0, port)
		if l.DataOffset == 0 {
			r3 |= rowsOf(tcpMinLen, l.Options) << 28
		}
		if l.Window == 0 {
			r3 |= 0xffff
		}
	}
	start := len(b)
	b = appendRows(b, r0, l.Seq, l.Ack, r3, r4)
	if len(l.Options) > 0 {
		b = appendOptions(b, l.Options, l.Exact)
	}
	b, err := p.AppendNext(b)
	if err != nil || l.Exact || l.Checksum != 0 {
		return b, err
	}
	if p.addrs&(hasAddrs|inFragment) != hasAddrs {
		return b, p.noSum()
	}
	segment := b[start:]
	sum := fold(p.pseudoSum(ProtocolTCP, len(segment)) +
		uint64(r0) + uint64(l.Seq) + uint64(l.Ack) + uint64(r3) + uint64(r4))
	binary.BigEndian.PutUint16(segment[16:], ^Sum(sum, segment[tcpMinLen:]))
	return b, nil
}

// check reports fields that the header has no room for.
func (l *TCP) check(p Place) error {
	switch {
	case l.DataOffset > 0xf:
		return p.Errorf("DataOffset", "%d exceeds 4 bits", l.DataOffset)
	case l.Flags > 0xfff:
		return p.Errorf("Flags", "%#x exceeds 12 bits", uint16(l.Flags))
	case len(l.Options) > maxOptions:
		return p.Errorf("Options", "%d bytes, at most %d", len(l.Options), maxOptions)
	}
	return nil
}

// Number implements [Layer].
func (l TCP) Number(s Space) (uint16, bool) {
	return ProtocolTCP, s == SpaceIPProtocol
}

func (l *TCP) decode(b []byte, next *head) error {
	if len(b) < tcpMinLen {
		return tooShort(tcpMinLen)
	}
	n := int(b[12]>>4) * 4
	if n < tcpMinLen {
		return fmt.Errorf("DataOffset: %d, at least 5", n/4)
	}
	if len(b) < n {
		return tooShort(n)
	}
	l.read((*[tcpMinLen]byte)(b))
	if n > tcpMinLen {
		l.Options = b[tcpMinLen:n:n]
	}
	next.set(n, 0, SpaceTCPPort, l.DstPort)
	return nil
}

// read reads all fields but the options.
func (l *TCP) read(h *[tcpMinLen]byte) {
	l.SrcPort, l.DstPort = binary.BigEndian.Uint16(h[0:]), binary.BigEndian.Uint16(h[2:])
	l.Seq, l.Ack = binary.BigEndian.Uint32(h[4:]), binary.BigEndian.Uint32(h[8:])
	l.DataOffset, l.Flags = h[12]>>4, TCPFlags(binary.BigEndian.Uint16(h[12:])&0xfff)
	l.Window, l.Checksum = binary.BigEndian.Uint16(h[14:]), binary.BigEndian.Uint16(h[16:])
	l.Urgent, l.Options, l.Exact = binary.BigEndian.Uint16(h[18:]), nil, true
}

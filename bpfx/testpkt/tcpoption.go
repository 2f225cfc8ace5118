package testpkt

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Kinds of TCP options.
const (
	tcpMSS           = 2
	tcpWindowScale   = 3
	tcpSACKPermitted = 4
	tcpSACK          = 5
	tcpTimestamps    = 8
)

// MSS is the maximum segment size, a TCP option in segments with SYN, in bytes
// (RFC 9293 section 3.7.1).
type MSS uint16

// AppendOption implements [Option].
func (o MSS) AppendOption(b []byte) []byte { return append(b, tcpMSS, 4, byte(o>>8), byte(o)) }

// String implements [Option].
func (o MSS) String() string { return fmt.Sprintf("mss %d", uint16(o)) }

// WindowScale is by how many bits windows are shifted, a TCP option in segments
// with SYN (RFC 7323 section 2).
type WindowScale uint8

// AppendOption implements [Option].
func (o WindowScale) AppendOption(b []byte) []byte { return append(b, tcpWindowScale, 3, byte(o)) }

// String implements [Option].
func (o WindowScale) String() string { return fmt.Sprintf("wscale %d", uint8(o)) }

// SACKPermitted allows selective acknowledgements, a TCP option in segments
// with SYN (RFC 2018 section 2).
type SACKPermitted struct{}

// AppendOption implements [Option].
func (SACKPermitted) AppendOption(b []byte) []byte { return append(b, tcpSACKPermitted, 2) }

// String implements [Option].
func (SACKPermitted) String() string { return "sackOK" }

// SACK is a selective acknowledgement, a TCP option (RFC 2018 section 3). A
// header has room for 4 blocks, for 3 beside timestamps.
type SACK []SACKBlock

// SACKBlock is a range of sequence numbers that arrived.
type SACKBlock struct {
	Left  uint32 // the first one
	Right uint32 // the one behind the last one
}

// AppendOption implements [Option]. More than 31 blocks are left out.
func (o SACK) AppendOption(b []byte) []byte {
	o = o[:min(len(o), (0xff-2)/8)]
	b = append(b, tcpSACK, byte(2+8*len(o)))
	for _, block := range o {
		b = binary.BigEndian.AppendUint32(b, block.Left)
		b = binary.BigEndian.AppendUint32(b, block.Right)
	}
	return b
}

// String implements [Option].
func (o SACK) String() string {
	blocks := make([]string, len(o))
	for i, block := range o {
		blocks[i] = fmt.Sprintf(" %d:%d", block.Left, block.Right)
	}
	return "sack" + strings.Join(blocks, "")
}

// Timestamps are a TCP option (RFC 7323 section 3).
type Timestamps struct {
	Value uint32 // TSval, of the sender's clock
	Echo  uint32 // TSecr, what the other side sent last
}

// AppendOption implements [Option].
func (o Timestamps) AppendOption(b []byte) []byte {
	b = append(b, tcpTimestamps, 10)
	b = binary.BigEndian.AppendUint32(b, o.Value)
	return binary.BigEndian.AppendUint32(b, o.Echo)
}

// String implements [Option].
func (o Timestamps) String() string { return fmt.Sprintf("TS val %d ecr %d", o.Value, o.Echo) }

// ParseTCPOptions takes the options of a TCP header apart: [MSS], [WindowScale],
// [SACKPermitted], [SACK], [Timestamps], [NoOperation], [EndOfOptions], behind
// which nothing is looked at, and [UnknownOption] for all else. They share
// memory with b.
//
// Returns the options so far and an error where a length is impossible.
func ParseTCPOptions(b []byte) ([]Option, error) { return parseOptions(b, tcpOption) }

// tcpOption returns an option of a known kind and a right length, nil for others.
func tcpOption(kind uint8, data []byte) Option {
	switch {
	case kind == tcpMSS && len(data) == 2:
		return MSS(binary.BigEndian.Uint16(data))
	case kind == tcpWindowScale && len(data) == 1:
		return WindowScale(data[0])
	case kind == tcpSACKPermitted && len(data) == 0:
		return SACKPermitted{}
	case kind == tcpSACK && len(data)%8 == 0:
		blocks := make(SACK, len(data)/8)
		for i := range blocks {
			blocks[i] = SACKBlock{binary.BigEndian.Uint32(data[8*i:]), binary.BigEndian.Uint32(data[8*i+4:])}
		}
		return blocks
	case kind == tcpTimestamps && len(data) == 8:
		return Timestamps{binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])}
	}
	return nil
}

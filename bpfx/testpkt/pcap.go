package testpkt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The classic pcap format is that of
// https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/.

var (
	// ErrNotPcap is returned when a file is no classic pcap file.
	ErrNotPcap = errors.New("not a pcap file")

	// ErrPcapRecord is returned when a record of a pcap file cannot be one.
	ErrPcapRecord = errors.New("malformed pcap record")
)

const (
	pcapMicroseconds = 0xa1b2c3d4 // magic numbers
	pcapNanoseconds  = 0xa1b23c4d

	pcapHeaderLen = 24 // bytes
	pcapRecordLen = 16 // bytes, without the packet

	// maxSnapLength is the most that tcpdump and Wireshark take for a packet,
	// in bytes (MAXIMUM_SNAPLEN, WTAP_MAX_PACKET_SIZE_STANDARD).
	maxSnapLength = 262144
)

// PcapFormat is the form of a pcap file. They all mean the same; the zero value
// is what most programs of today write.
type PcapFormat struct {
	// SnapLength is how many bytes of a packet are kept at most. Zero: 262144,
	// which is also the most.
	SnapLength uint32
	// Microseconds is how times are kept. False: nanoseconds.
	Microseconds bool
	// BigEndian is the byte order of the file's own numbers. False: little
	// endian.
	BigEndian bool
}

func (f PcapFormat) order() binary.AppendByteOrder {
	if f.BigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// unit returns what fractions of seconds are counted in.
func (f PcapFormat) unit() time.Duration {
	if f.Microseconds {
		return time.Microsecond
	}
	return time.Nanosecond
}

// PcapPacket is a packet of a capture.
type PcapPacket struct {
	// Time is when the packet was captured. Files count from 1970 to 2106.
	// Zero, to a writer: 1970.
	Time time.Time
	// Data is what was captured of the packet.
	Data []byte
	// Length is how long the packet was, in bytes. Zero, to a writer: that of
	// Data.
	Length uint32
}

// Truncated reports whether the packet was longer than what was captured.
func (p PcapPacket) Truncated() bool { return int64(p.Length) > int64(len(p.Data)) }

// PcapError says where a pcap file is at fault, and why.
type PcapError struct {
	Record int   // counted from 1, as Wireshark does; 0 is the file's header
	Offset int64 // where the fault is, in bytes from the start of the file
	Err    error // what is wrong
}

// Error returns one line with the record, the byte and the cause.
func (e *PcapError) Error() string {
	if e.Record == 0 {
		return fmt.Sprintf("pcap header at byte %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("pcap record %d at byte %d: %v", e.Record, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *PcapError) Unwrap() error { return e.Err }

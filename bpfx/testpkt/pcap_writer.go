package testpkt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// PcapWriter writes packets to a file in the classic pcap format, which
// Wireshark and tcpdump open.
//
// It is not safe for use by many goroutines at once.
type PcapWriter struct {
	w      io.Writer
	format PcapFormat
	order  binary.AppendByteOrder
	buf    []byte // of one record, reused
}

// NewPcapWriter writes the header of a file for packets that start as link
// says. The zero format will do.
//
// Nothing is buffered: each packet is one call of w.Write, and there is nothing
// to close or flush.
func NewPcapWriter(w io.Writer, link LinkType, format PcapFormat) (*PcapWriter, error) {
	if w == nil {
		return nil, errors.New("write pcap: nil writer")
	}
	if format.SnapLength > maxSnapLength {
		return nil, fmt.Errorf("write pcap: SnapLength: %d exceeds %d", format.SnapLength, maxSnapLength)
	}
	if format.SnapLength == 0 {
		format.SnapLength = maxSnapLength
	}
	magic := uint32(pcapNanoseconds)
	if format.Microseconds {
		magic = pcapMicroseconds
	}
	p := &PcapWriter{w: w, format: format, order: format.order()}
	b := p.order.AppendUint32(nil, magic)
	b = p.order.AppendUint16(b, 2)    // major version
	b = p.order.AppendUint16(b, 4)    // minor version
	b = append(b, make([]byte, 8)...) // time zone and accuracy, which nobody uses
	b = p.order.AppendUint32(b, format.SnapLength)
	b = p.order.AppendUint32(b, uint32(link))
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("write pcap header: %w", err)
	}
	return p, nil
}

// Write adds a packet to the file. What it has beyond the file's snap length is
// cut off, and beyond microseconds if the file has these.
//
// Returns an error, and writes nothing, if the packet's Time is before 1970 or
// after 2106.
func (p *PcapWriter) Write(pkt PcapPacket) error {
	if pkt.Time.IsZero() {
		pkt.Time = time.Unix(0, 0)
	}
	if pkt.Length == 0 {
		pkt.Length = uint32(len(pkt.Data))
	}
	seconds := pkt.Time.Unix()
	if seconds < 0 || seconds > math.MaxUint32 {
		return fmt.Errorf("write pcap packet: Time: %v is not between 1970 and 2106", pkt.Time.UTC())
	}
	data := pkt.Data[:min(len(pkt.Data), int(p.format.SnapLength))]
	b := p.order.AppendUint32(p.buf[:0], uint32(seconds))
	b = p.order.AppendUint32(b, uint32(pkt.Time.Nanosecond()/int(p.format.unit())))
	b = p.order.AppendUint32(b, uint32(len(data)))
	b = p.order.AppendUint32(b, pkt.Length)
	p.buf = append(b, data...)
	if _, err := p.w.Write(p.buf); err != nil {
		return fmt.Errorf("write pcap packet: %w", err)
	}
	return nil
}

// WritePcap writes a file with packets, to look at them in Wireshark. They
// start with an Ethernet header.
func WritePcap(w io.Writer, packets ...[]byte) error {
	p, err := NewPcapWriter(w, LinkTypeEthernet, PcapFormat{})
	if err != nil {
		return err
	}
	for i, data := range packets {
		if err := p.Write(PcapPacket{Data: data}); err != nil {
			return fmt.Errorf("packet %d: %w", i, err)
		}
	}
	return nil
}

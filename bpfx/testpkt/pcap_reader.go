package testpkt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// PcapReader reads the packets of a file in the classic pcap format, of any
// byte order, with times in micro- or nanoseconds. Whatever the file says, it
// takes no more memory than a packet of 262144 bytes.
//
// It is not safe for use by many goroutines at once.
type PcapReader struct {
	r      *bufio.Reader
	link   LinkType
	format PcapFormat
	order  binary.ByteOrder
	fcs    uint32 // bytes of frame check sequence at the end of each packet
	record int    // the number of records that were read
	offset int64  // in bytes, of what was read
	err    error  // what ended the file, io.EOF included
}

// NewPcapReader reads the header of a file. It may read on from r more than
// that, and needs no buffer below it.
//
// Returns a [*PcapError]. It wraps [ErrNotPcap] if the file is of another
// format; if that is pcapng, the text says how to convert it.
func NewPcapReader(r io.Reader) (*PcapReader, error) {
	if r == nil {
		return nil, errors.New("read pcap: nil reader")
	}
	p := &PcapReader{r: bufio.NewReader(r)}
	var h [pcapHeaderLen]byte
	n, err := io.ReadFull(p.r, h[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &PcapError{Offset: int64(n), Err: err}
	}
	if err := p.magic(h[:n]); err != nil {
		return nil, &PcapError{Err: err}
	}
	if n < pcapHeaderLen {
		return nil, &PcapError{Offset: int64(n), Err: fmt.Errorf("the file ends after %d of %d bytes: %w", n, pcapHeaderLen, io.ErrUnexpectedEOF)}
	}
	p.offset = pcapHeaderLen
	if major, minor := p.order.Uint16(h[4:]), p.order.Uint16(h[6:]); major != 2 || minor != 4 {
		return nil, &PcapError{Offset: 4, Err: fmt.Errorf("version %d.%d, want 2.4: %w", major, minor, ErrNotPcap)}
	}
	p.format.SnapLength = min(p.order.Uint32(h[16:]), maxSnapLength)
	link := p.order.Uint32(h[20:])
	if link&(1<<27|0x3ff<<16) != 0 { // reserved, and a mistake to read over
		return nil, &PcapError{Offset: 20, Err: fmt.Errorf("link type %#x has bits that mean nothing: %w", link, ErrNotPcap)}
	}
	p.link = LinkType(link)
	if link&(1<<26) != 0 { // the upper 4 bits are the length of the FCS, in 2 bytes
		p.fcs = (link >> 28) * 2
	}
	return p, nil
}

// magic finds the form of a file by its first bytes.
func (p *PcapReader) magic(b []byte) error {
	if len(b) < 4 {
		return fmt.Errorf("%d bytes: %w", len(b), ErrNotPcap)
	}
	big, little := binary.BigEndian.Uint32(b), binary.LittleEndian.Uint32(b)
	const convert = "convert it with editcap -F pcap"
	switch {
	case big == pcapMicroseconds || big == pcapNanoseconds:
		p.order, p.format.BigEndian = binary.BigEndian, true
	case little == pcapMicroseconds || little == pcapNanoseconds:
		p.order = binary.LittleEndian
	case big == 0x0a0d0d0a:
		return fmt.Errorf("this is pcapng (%s, or capture with tshark -F pcap): %w", convert, ErrNotPcap)
	case big == 0xa1b2cd34 || little == 0xa1b2cd34:
		return fmt.Errorf("this is the modified pcap of old kernels (%s): %w", convert, ErrNotPcap)
	case big>>16 == 0x1f8b:
		return fmt.Errorf("this is compressed (use gunzip first, or compress/gzip): %w", ErrNotPcap)
	case big == 0x28b52ffd:
		return fmt.Errorf("this is compressed (use unzstd first): %w", ErrNotPcap)
	default:
		return fmt.Errorf("it starts with % x: %w", b[:4], ErrNotPcap)
	}
	p.format.Microseconds = big == pcapMicroseconds || little == pcapMicroseconds
	return nil
}

// LinkType returns what the packets start with.
func (p *PcapReader) LinkType() LinkType { return p.link }

// Format returns the form of the file, for a [NewPcapWriter] that is to write
// another one like it.
func (p *PcapReader) Format() PcapFormat { return p.format }

// Next returns the next packet, whose Data is the caller's. A frame check
// sequence, which some captures have, is left out. After the last packet it
// returns [io.EOF].
//
// Returns a [*PcapError], and from then on the same again. It wraps
// [io.ErrUnexpectedEOF] if the file ends within a record, and [ErrPcapRecord]
// if a record claims more than 262144 bytes. What else is odd is taken as it
// is, as other readers do: packets longer than the file's snap length, a
// length below that of the data, a fraction of a second that is none.
func (p *PcapReader) Next() (PcapPacket, error) {
	if p.err != nil {
		return PcapPacket{}, p.err
	}
	pkt, err := p.next()
	p.err = err
	return pkt, err
}

func (p *PcapReader) next() (PcapPacket, error) {
	var h [pcapRecordLen]byte
	n, err := io.ReadFull(p.r, h[:])
	if errors.Is(err, io.EOF) && n == 0 {
		return PcapPacket{}, io.EOF
	}
	p.record++
	if err != nil {
		return PcapPacket{}, p.cut("header", n, pcapRecordLen, err)
	}
	captured := p.order.Uint32(h[8:])
	if captured > maxSnapLength {
		return PcapPacket{}, &PcapError{p.record, p.offset + 8, fmt.Errorf("captured length %d exceeds %d: %w", captured, maxSnapLength, ErrPcapRecord)}
	}
	p.offset += pcapRecordLen
	data := make([]byte, captured)
	if n, err := io.ReadFull(p.r, data); err != nil {
		return PcapPacket{}, p.cut("packet", n, len(data), err)
	}
	p.offset += int64(captured)
	seconds, fraction := p.order.Uint32(h[0:]), p.order.Uint32(h[4:])
	pkt := PcapPacket{
		Time:   time.Unix(int64(seconds), int64(fraction)*int64(p.format.unit())).UTC(),
		Data:   data,
		Length: p.order.Uint32(h[12:]),
	}
	p.dropFCS(&pkt)
	return pkt, nil
}

// cut is the error of a file of which n bytes of want could be read.
func (p *PcapReader) cut(what string, n, want int, err error) error {
	at := p.offset + int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the file ends after %d of %d bytes of the %s: %w", n, want, what, io.ErrUnexpectedEOF)
	}
	return &PcapError{p.record, at, err}
}

// dropFCS cuts off the frame check sequence, or what was captured of it.
func (p *PcapReader) dropFCS(pkt *PcapPacket) {
	if p.fcs == 0 || pkt.Length < p.fcs {
		return
	}
	pkt.Length -= p.fcs
	pkt.Data = pkt.Data[:min(int64(len(pkt.Data)), int64(pkt.Length))]
}

// All returns the packets that are left. An error comes last, with an empty
// packet; the end of the file is none.
func (p *PcapReader) All() iter.Seq2[PcapPacket, error] {
	return func(yield func(PcapPacket, error) bool) {
		for {
			pkt, err := p.Next()
			if errors.Is(err, io.EOF) || !yield(pkt, err) || err != nil {
				return
			}
		}
	}
}

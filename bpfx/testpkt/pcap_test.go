package testpkt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx/testpkt"
)

// Two packets in each form of the format, as tcpdump would write them.
var pcapFiles = []struct {
	name   string
	format testpkt.PcapFormat
	file   []byte
}{
	{"little endian, nanoseconds", testpkt.PcapFormat{SnapLength: 0x40}, []byte{
		0x4d, 0x3c, 0xb2, 0xa1, // magic
		2, 0, 4, 0, // version
		0, 0, 0, 0, // time zone
		0, 0, 0, 0, // accuracy
		0x40, 0, 0, 0, // snap length
		1, 0, 0, 0, // link type
		0x01, 0, 0, 0, // seconds
		0x15, 0xcd, 0x5b, 0x07, // nanoseconds
		3, 0, 0, 0, // captured length
		3, 0, 0, 0, // length
		'a', 'b', 'c',
		0x00, 0, 0, 0x80, // seconds: after 2038
		0, 0, 0, 0, // nanoseconds
		1, 0, 0, 0, // captured length
		0xdc, 0x05, 0, 0, // length
		'd',
	}},
	{"big endian, microseconds", testpkt.PcapFormat{SnapLength: 0x40, Microseconds: true, BigEndian: true}, []byte{
		0xa1, 0xb2, 0xc3, 0xd4, // magic
		0, 2, 0, 4, // version
		0, 0, 0, 0, // time zone
		0, 0, 0, 0, // accuracy
		0, 0, 0, 0x40, // snap length
		0, 0, 0, 1, // link type
		0, 0, 0, 0x01, // seconds
		0, 0x01, 0xe2, 0x40, // microseconds
		0, 0, 0, 3, // captured length
		0, 0, 0, 3, // length
		'a', 'b', 'c',
		0x80, 0, 0, 0x00, // seconds: after 2038
		0, 0, 0, 0, // microseconds
		0, 0, 0, 1, // captured length
		0, 0, 0x05, 0xdc, // length
		'd',
	}},
}

// pcapPackets are the packets of pcapFiles.
func pcapPackets(f testpkt.PcapFormat) []testpkt.PcapPacket {
	fraction := int64(123456789)
	if f.Microseconds {
		fraction = 123456000
	}
	return []testpkt.PcapPacket{
		{Time: time.Unix(1, fraction).UTC(), Data: []byte("abc"), Length: 3},
		{Time: time.Unix(1<<31, 0).UTC(), Data: []byte("d"), Length: 1500},
	}
}

// readPcap returns all packets of a file and the error that ended it.
func readPcap(r io.Reader) (pkts []testpkt.PcapPacket, err error) {
	p, err := testpkt.NewPcapReader(r)
	if err != nil {
		return nil, err
	}
	for pkt, err := range p.All() {
		if err != nil {
			return pkts, err
		}
		pkts = append(pkts, pkt)
	}
	return pkts, nil
}

func TestPcap(t *testing.T) {
	for _, tt := range pcapFiles {
		t.Run(tt.name, func(t *testing.T) {
			want := pcapPackets(tt.format)
			p, err := testpkt.NewPcapReader(iotest.OneByteReader(bytes.NewReader(tt.file)))
			if err != nil {
				t.Fatal(err)
			}
			if p.LinkType() != testpkt.LinkTypeEthernet || p.Format() != tt.format {
				t.Errorf("link type %v, %+v; want EN10MB, %+v", p.LinkType(), p.Format(), tt.format)
			}
			for i, want := range want {
				got, err := p.Next()
				if d := cmp.Diff(want, got); err != nil || d != "" {
					t.Fatalf("Next() = %v, packet %d (-want +got):\n%s", err, i, d)
				}
				if got.Truncated() != (i == 1) {
					t.Errorf("packet %d: Truncated() = %v", i, got.Truncated())
				}
			}
			for range 2 {
				if _, err := p.Next(); !errors.Is(err, io.EOF) {
					t.Errorf("Next() after the last packet = %v, want EOF", err)
				}
			}

			var buf bytes.Buffer
			w, err := testpkt.NewPcapWriter(&buf, testpkt.LinkTypeEthernet, tt.format)
			if err != nil {
				t.Fatal(err)
			}
			for _, pkt := range want {
				if err := w.Write(pkt); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(tt.file, buf.Bytes()); d != "" {
				t.Errorf("written (-want +got):\n%s", d)
			}
		})
	}
}

// edit returns a copy of the first file with bytes from at on replaced.
func edit(at int, b ...byte) []byte {
	file := slices.Clone(pcapFiles[0].file)
	copy(file[at:], b)
	return file
}

func TestPcapErrors(t *testing.T) {
	good := pcapFiles[0].file
	for _, tt := range []struct {
		name string
		file []byte
		want string
		is   error
	}{
		{"empty", nil, "pcap header at byte 0: 0 bytes: not a pcap file", testpkt.ErrNotPcap},
		{"text", []byte("#!/bin/sh"), "pcap header at byte 0: it starts with 23 21 2f 62: not a pcap file", testpkt.ErrNotPcap},
		{"pcapng", edit(0, 0x0a, 0x0d, 0x0d, 0x0a), "pcap header at byte 0: this is pcapng (convert it with editcap -F pcap, or capture with tshark -F pcap): not a pcap file", testpkt.ErrNotPcap},
		{"modified", edit(0, 0x34, 0xcd, 0xb2, 0xa1), "pcap header at byte 0: this is the modified pcap of old kernels (convert it with editcap -F pcap): not a pcap file", testpkt.ErrNotPcap},
		{"gzip", []byte{0x1f, 0x8b, 8, 0, 0}, "pcap header at byte 0: this is compressed (use gunzip first, or compress/gzip): not a pcap file", testpkt.ErrNotPcap},
		{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd}, "pcap header at byte 0: this is compressed (use unzstd first): not a pcap file", testpkt.ErrNotPcap},
		{"version", edit(4, 2, 0, 3), "pcap header at byte 4: version 2.3, want 2.4: not a pcap file", testpkt.ErrNotPcap},
		{"reserved bit", edit(20, 1, 0, 1, 0), "pcap header at byte 20: link type 0x10001 has bits that mean nothing: not a pcap file", testpkt.ErrNotPcap},
		{"header cut off", good[:23], "pcap header at byte 23: the file ends after 23 of 24 bytes: unexpected EOF", io.ErrUnexpectedEOF},
		{"record cut off", good[:24+15], "pcap record 1 at byte 39: the file ends after 15 of 16 bytes of the header: unexpected EOF", io.ErrUnexpectedEOF},
		{"no packet", good[:24+16], "pcap record 1 at byte 40: the file ends after 0 of 3 bytes of the packet: unexpected EOF", io.ErrUnexpectedEOF},
		{"packet cut off", good[:24+16+2], "pcap record 1 at byte 42: the file ends after 2 of 3 bytes of the packet: unexpected EOF", io.ErrUnexpectedEOF},
		{"second record", good[:24+16+3+1], "pcap record 2 at byte 44: the file ends after 1 of 16 bytes of the header: unexpected EOF", io.ErrUnexpectedEOF},
		{"captured length", edit(24+19+8, 0xff, 0xff, 0xff, 0xff), "pcap record 2 at byte 51: captured length 4294967295 exceeds 262144: malformed pcap record", testpkt.ErrPcapRecord},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readPcap(bytes.NewReader(tt.file))
			var pcapErr *testpkt.PcapError
			if !errors.As(err, &pcapErr) || !errors.Is(err, tt.is) || err.Error() != tt.want {
				t.Errorf("read = %v\nwant   %s", err, tt.want)
			}
		})
	}
}

// TestPcapReaderFails shows that errors of the reader below come through, and
// that the end of a file stays its end.
func TestPcapReaderFails(t *testing.T) {
	broken := errors.New("broken disk")
	for _, n := range []int{0, 10, 24, 30, 41} {
		r := io.MultiReader(bytes.NewReader(pcapFiles[0].file[:n]), iotest.ErrReader(broken))
		if _, err := readPcap(r); !errors.Is(err, broken) || !strings.Contains(err.Error(), fmt.Sprintf("at byte %d", n)) {
			t.Errorf("read after %d bytes = %v, want %v at that byte", n, err, broken)
		}
	}
	p, err := testpkt.NewPcapReader(bytes.NewReader(pcapFiles[0].file[:30]))
	if err != nil {
		t.Fatal(err)
	}
	_, first := p.Next()
	if _, again := p.Next(); first == nil || !errors.Is(again, first) {
		t.Errorf("Next() = %v, then %v; want the same error twice", first, again)
	}
	if _, err := testpkt.NewPcapReader(nil); err == nil {
		t.Error("NewPcapReader(nil) = nil error")
	}
}

// TestPcapSnapLength shows that what a file says about the length of its packets
// isn't believed.
func TestPcapSnapLength(t *testing.T) {
	for snap, want := range map[byte]uint32{0: 0, 1: 1 << 24, 0xff: 262144} {
		r, err := testpkt.NewPcapReader(bytes.NewReader(edit(16, 0, 0, 0, snap)))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Format().SnapLength; got != min(want, 262144) {
			t.Errorf("snap length %#x000000: Format() has %d, want %d", snap, got, min(want, 262144))
		}
		if pkt, err := r.Next(); err != nil || string(pkt.Data) != "abc" {
			t.Errorf("snap length %#x000000: Next() = %+v, %v", snap, pkt, err)
		}
	}
}

// TestPcapFCS reads a file whose packets end with a frame check sequence.
func TestPcapFCS(t *testing.T) {
	file := edit(20, 1, 0, 0, 0x24)           // Ethernet, two words of FCS
	file[24+12], file[24+8] = 7, 3            // all but the FCS was captured
	file = append(file, edit(0)[24:24+16]...) // and a packet of which it all was
	file[len(file)-8], file[len(file)-4] = 6, 6
	file = append(file, "abFCS!"...)
	pkts, err := readPcap(bytes.NewReader(file))
	if err != nil || len(pkts) != 3 {
		t.Fatalf("read = %d packets, %v; want 3", len(pkts), err)
	}
	for i, want := range []string{"abc", "d", "ab"} {
		if got := pkts[i]; string(got.Data) != want || got.Length != []uint32{3, 1496, 2}[i] {
			t.Errorf("packet %d: %q of %d bytes, want %q", i, got.Data, got.Length, want)
		}
	}
}

func TestPcapWriterErrors(t *testing.T) {
	if _, err := testpkt.NewPcapWriter(nil, testpkt.LinkTypeEthernet, testpkt.PcapFormat{}); err == nil {
		t.Error("NewPcapWriter(nil) = nil error")
	}
	if _, err := testpkt.NewPcapWriter(io.Discard, testpkt.LinkTypeEthernet, testpkt.PcapFormat{SnapLength: 1 << 20}); err == nil || !strings.Contains(err.Error(), "SnapLength: 1048576 exceeds 262144") {
		t.Errorf("NewPcapWriter with a large SnapLength = %v", err)
	}
	var buf bytes.Buffer
	w, err := testpkt.NewPcapWriter(&buf, testpkt.LinkTypeEthernet, testpkt.PcapFormat{SnapLength: 2})
	if err != nil {
		t.Fatal(err)
	}
	n := buf.Len()
	for _, at := range []time.Time{time.Unix(-1, 0), time.Unix(math.MaxUint32+1, 0)} {
		if err := w.Write(testpkt.PcapPacket{Time: at}); err == nil || !strings.Contains(err.Error(), "Time: ") || buf.Len() != n {
			t.Errorf("Write at %v = %v, %d bytes written", at, err, buf.Len()-n)
		}
	}
	if err := w.Write(testpkt.PcapPacket{Data: []byte("abc")}); err != nil {
		t.Fatal(err)
	}
	pkts, err := readPcap(&buf)
	if err != nil || len(pkts) != 1 || string(pkts[0].Data) != "ab" || !pkts[0].Truncated() {
		t.Errorf("read = %+v, %v; want ab of 3 bytes", pkts, err)
	}
	broken := errors.New("disk full")
	if _, err := testpkt.NewPcapWriter(failingWriter{broken}, 1, testpkt.PcapFormat{}); !errors.Is(err, broken) {
		t.Errorf("NewPcapWriter to a full disk = %v", err)
	}
	if err := testpkt.WritePcap(failingWriter{broken}, []byte{1}); !errors.Is(err, broken) {
		t.Errorf("WritePcap to a full disk = %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestPcapMemory reads a file whose first record claims all there can be.
func TestPcapMemory(t *testing.T) {
	file := edit(24+8, 0, 0, 4, 0) // 262144 bytes
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readPcap(bytes.NewReader(file))
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 300<<10 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v after %d bytes were allocated", err, n)
	}
}

// TestPcapWireshark has Wireshark's tools read what we write, and write what we
// read.
func TestPcapWireshark(t *testing.T) {
	editcap, err := exec.LookPath("editcap")
	if err != nil {
		t.Skip("skipping: editcap not found (try apt-get install tshark)")
	}
	dir := t.TempDir()
	for _, in := range pcapFiles {
		from := filepath.Join(dir, "from.pcap")
		if err := os.WriteFile(from, in.file, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{"pcap", "nsecpcap"} {
			to := filepath.Join(dir, format)
			if out, err := exec.Command(editcap, "-F", format, from, to).CombinedOutput(); err != nil {
				t.Fatalf("editcap: %v\n%s", err, out)
			}
			file, err := os.ReadFile(to)
			if err != nil {
				t.Fatal(err)
			}
			want := pcapPackets(testpkt.PcapFormat{Microseconds: in.format.Microseconds || format == "pcap"})
			got, err := readPcap(bytes.NewReader(file))
			if d := cmp.Diff(want, got); err != nil || d != "" {
				t.Errorf("%s, then %s: %v (-want +got):\n%s", in.name, format, err, d)
			}
		}
		to := filepath.Join(dir, "ng")
		if out, err := exec.Command(editcap, "-F", "pcapng", from, to).CombinedOutput(); err != nil {
			t.Fatalf("editcap: %v\n%s", err, out)
		}
		file, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readPcap(bytes.NewReader(file)); !errors.Is(err, testpkt.ErrNotPcap) || !strings.Contains(err.Error(), "pcapng") {
			t.Errorf("read pcapng = %v", err)
		}
	}
}

func TestLinkTypeString(t *testing.T) {
	for typ, want := range map[testpkt.LinkType]string{0: "NULL", 1: "EN10MB", 101: "RAW", 113: "LINUX_SLL", 228: "IPV4", 229: "IPV6", 276: "LINUX_SLL2", 105: "105"} {
		if got := typ.String(); got != want {
			t.Errorf("LinkType(%d).String() = %q, want %q", uint16(typ), got, want)
		}
	}
}

// FuzzPcap reads any bytes. What can be read is written and read again.
func FuzzPcap(f *testing.F) {
	for _, tt := range pcapFiles {
		f.Add(tt.file)
		f.Add(tt.file[:len(tt.file)-1])
	}
	f.Add(edit(20, 1, 0, 0, 0x24))
	f.Add(edit(24+8, 0xff, 0xff, 0xff, 0xff))
	f.Add(edit(24+4, 0xff, 0xff, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := testpkt.NewPcapReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		var want []testpkt.PcapPacket
		var buf bytes.Buffer
		format := p.Format()
		format.SnapLength = 0
		w, err := testpkt.NewPcapWriter(&buf, p.LinkType(), format)
		if err != nil {
			t.Fatal(err)
		}
		for pkt, err := range p.All() {
			if err != nil {
				break
			}
			if pkt.Time.Unix() > math.MaxUint32 {
				continue // fractions of more than a second
			}
			if err := w.Write(pkt); err != nil {
				t.Fatal(err)
			}
			if pkt.Length == 0 {
				pkt.Length = uint32(len(pkt.Data))
			}
			want = append(want, pkt)
		}
		got, err := readPcap(&buf)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("read what was written: %v (-want +got):\n%s", err, d)
		}
	})
}

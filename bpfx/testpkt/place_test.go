package testpkt_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
)

// shim is a network layer of another package: source and destination, IPv4.
type shim struct{ Src, Dst netip.Addr }

func (l shim) Append(b []byte, p testpkt.Place) ([]byte, error) {
	src, dst := l.Src.As4(), l.Dst.As4()
	b = append(b, src[:]...)
	b = append(b, dst[:]...)
	return p.WithAddresses(l.Src, l.Dst).AppendNext(b)
}

func (l shim) Number(s testpkt.Space) (uint16, bool) { return 0x9000, s == testpkt.SpaceEtherType }

// lite is a transport layer of another package: length and checksum.
type lite struct{}

func (lite) Append(b []byte, p testpkt.Place) ([]byte, error) {
	start := len(b)
	b, err := p.AppendNext(append(b, 0, 0, 0, 0))
	if err != nil {
		return b, err
	}
	seg := b[start:]
	sum, ok := p.PseudoSum(136, len(seg))
	if !ok {
		return b, p.Errorf("", "no addresses")
	}
	binary.BigEndian.PutUint16(seg[0:], uint16(len(seg)))
	binary.BigEndian.PutUint16(seg[2:], ^testpkt.Sum(sum, seg))
	return b, nil
}

func (lite) Number(s testpkt.Space) (uint16, bool) { return 136, s == testpkt.SpaceIPProtocol }

// app is data with a port of its own.
type app struct{}

func (app) Append(b []byte, p testpkt.Place) ([]byte, error) {
	return p.AppendNext(append(b, "app"...))
}

func (app) Number(s testpkt.Space) (uint16, bool) {
	switch s {
	case testpkt.SpaceTCPPort:
		return 0, true
	case testpkt.SpaceUDPPort:
		return 4789, true
	}
	return 0, false
}

func TestForeignLayers(t *testing.T) {
	src, dst := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	pkt := testpkt.MustBuild(testpkt.Ethernet{}, shim{src, dst}, testpkt.UDP{}, app{})

	if got := binary.BigEndian.Uint16(pkt[12:]); got != 0x9000 {
		t.Errorf("EtherType = %#04x, want 0x9000", got)
	}
	udp := pkt[14+8:]
	if got := binary.BigEndian.Uint16(udp[2:]); got != 4789 {
		t.Errorf("UDP port = %d, want 4789, that of the next layer", got)
	}
	if got := testpkt.Sum(testpkt.PseudoSum(src, dst, 17, len(udp)), udp); got != 0xffff {
		t.Errorf("sum over UDP and its checksum = %#04x, want 0xffff", got)
	}

	pkt = testpkt.MustBuild(testpkt.IPv6{}, lite{}, testpkt.Payload("x"))
	if pkt[6] != 136 {
		t.Errorf("next header = %d, want 136", pkt[6])
	}
	src, dst = netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
	if got := testpkt.Sum(testpkt.PseudoSum(src, dst, 136, 5), pkt[40:]); got != 0xffff {
		t.Errorf("sum over the transport layer and its checksum = %#04x, want 0xffff", got)
	}

	pkt = testpkt.MustBuild(testpkt.IPv4{}, testpkt.TCP{}, app{})
	if got := binary.BigEndian.Uint16(pkt[22:]); got != 80 {
		t.Errorf("TCP port = %d, want 80, since the next layer has none", got)
	}

	_, err := testpkt.Build(testpkt.Ethernet{EtherType: 1}, lite{})
	if want := "layer 1 (testpkt_test.lite): no addresses"; err == nil || err.Error() != want {
		t.Errorf("Build() = %v, want %s", err, want)
	}
}

// spy is a layer that keeps what its place told it.
type spy struct {
	prev, next testpkt.Layer
	number     uint16
	ok         bool
	fragment   bool
}

func (l *spy) Append(b []byte, p testpkt.Place) ([]byte, error) {
	l.prev, l.next = p.Prev(), p.Next()
	l.number, l.ok = p.NextNumber(testpkt.SpaceEtherType)
	l.fragment = p.InFragment()
	return p.AppendNext(b)
}

func (l *spy) Number(testpkt.Space) (uint16, bool) { return 1, true }

func TestPlace(t *testing.T) {
	tests := []struct {
		name   string
		prev   testpkt.Layer
		next   []testpkt.Layer
		number uint16
		ok     bool
	}{
		{"alone", nil, nil, testpkt.EtherTypeExperimental, true},
		{"IPv4 follows", testpkt.Ethernet{}, []testpkt.Layer{testpkt.IPv4{}}, testpkt.EtherTypeIPv4, true},
		{"tag follows", testpkt.Ethernet{}, []testpkt.Layer{testpkt.VLAN{}, testpkt.IPv6{}}, testpkt.EtherTypeVLAN, true},
		{"last tag follows", testpkt.VLAN{}, []testpkt.Layer{testpkt.VLAN{}}, testpkt.EtherTypeVLAN, true},
		{"two tags follow", testpkt.Ethernet{}, []testpkt.Layer{testpkt.VLAN{}, &testpkt.VLAN{}}, testpkt.EtherTypeQinQ, true},
		{"Ethernet follows", testpkt.Ethernet{}, []testpkt.Layer{testpkt.Ethernet{}}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s spy
			var layers []testpkt.Layer
			if tt.prev != nil {
				layers = append(layers, tt.prev)
			}
			layers = append(append(layers, &s), tt.next...)
			if _, err := testpkt.Build(layers...); err != nil {
				t.Fatalf("Build() = %v", err)
			}
			if s.prev != tt.prev {
				t.Errorf("Prev() = %v, want %v", s.prev, tt.prev)
			}
			if (s.next == nil) != (tt.next == nil) {
				t.Errorf("Next() = %v, want %v", s.next, tt.next)
			}
			if s.number != tt.number || s.ok != tt.ok {
				t.Errorf("NextNumber() = %#x, %v, want %#x, %v", s.number, s.ok, tt.number, tt.ok)
			}
		})
	}
}

func TestInFragment(t *testing.T) {
	tests := []struct {
		name   string
		before []testpkt.Layer
		want   bool
	}{
		{"whole", []testpkt.Layer{testpkt.IPv4{Flags: testpkt.DontFragment}}, false},
		{"first", []testpkt.Layer{testpkt.IPv4{Flags: testpkt.MoreFragments}}, true},
		{"last", []testpkt.Layer{testpkt.IPv4{FragmentOffset: 1}}, true},
		{"IPv6, only one", []testpkt.Layer{testpkt.IPv6{}, testpkt.IPv6Fragment{}}, false},
		{"IPv6, first", []testpkt.Layer{testpkt.IPv6{}, testpkt.IPv6Fragment{More: true}}, true},
		{"in a tunnel", []testpkt.Layer{testpkt.IPv6{}, testpkt.IPv6Fragment{Offset: 9}, testpkt.IPv4{TotalLength: 99}}, true},
	}
	for _, tt := range tests {
		var s spy
		if _, err := testpkt.Build(append(tt.before, &s)...); err != nil || s.fragment != tt.want {
			t.Errorf("%s: InFragment() = %v, %v, want %v", tt.name, s.fragment, err, tt.want)
		}
	}
}

// TestZeroPlace appends layers that are in no packet.
func TestZeroPlace(t *testing.T) {
	if got, err := (testpkt.IPv6{}).Append([]byte("kept"), testpkt.Place{}); err != nil || len(got) != 44 {
		t.Errorf("Append() of IPv6 = %x, %v, want 44 bytes", got, err)
	}
	const want = "layer 0 (no packet): Checksum: no IPv4 or IPv6 layer before it"
	if _, err := (testpkt.TCP{}).Append(nil, testpkt.Place{}); err == nil || err.Error() != want {
		t.Errorf("Append() of TCP = %v, want %s", err, want)
	}
}

func TestTCPFlagsString(t *testing.T) {
	tests := []struct {
		flags testpkt.TCPFlags
		want  string
	}{
		{0, "0"},
		{testpkt.SYN | testpkt.ACK, "SYN|ACK"},
		{0xfff, "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR|AE|9|10|11"},
	}
	for _, tt := range tests {
		if got := tt.flags.String(); got != tt.want {
			t.Errorf("TCPFlags(%#x).String() = %q, want %q", uint16(tt.flags), got, tt.want)
		}
	}
}

func TestParseMAC(t *testing.T) {
	want := testpkt.MAC{2, 0, 0x5e, 0x10, 0, 1}
	for _, s := range []string{"02:00:5e:10:00:01", "02-00-5E-10-00-01", "0200.5e10.0001"} {
		if got, err := testpkt.ParseMAC(s); err != nil || got != want {
			t.Errorf("ParseMAC(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "02:00", "02:00:5e:10:00:01:02:03", "x"} {
		if got, err := testpkt.ParseMAC(s); err == nil {
			t.Errorf("ParseMAC(%q) = %v, want an error", s, got)
		}
	}
	if got := want.String(); got != "02:00:5e:10:00:01" {
		t.Errorf("String() = %q", got)
	}
}

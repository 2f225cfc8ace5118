package testpkt_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/bpfx/go/bpfx/testpkt"
)

func TestDiff(t *testing.T) {
	eth, ip4, tcp, data := testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.TCP{}, testpkt.Payload("hello, world")
	build := testpkt.MustBuild
	base := build(eth, ip4, tcp, data)
	tests := []struct {
		name      string
		want, got []byte
		opts      []testpkt.DiffOption
		diff      []string
	}{
		{"equal", base, base, nil, nil},
		{
			"TTL", base, build(eth, testpkt.IPv4{TTL: 63}, tcp, data), nil,
			[]string{"IPv4.TTL: want 64, got 63", "IPv4.Checksum: want 0x66c2, got 0x67c2"},
		},
		{"without checksums", base, build(eth, testpkt.IPv4{TTL: 63}, tcp, data), []testpkt.DiffOption{testpkt.IgnoreChecksums()}, []string{"IPv4.TTL: want 64, got 63"}},
		{
			"without TTL too", base, build(eth, testpkt.IPv4{TTL: 63}, tcp, data),
			[]testpkt.DiffOption{testpkt.IgnoreChecksums(), testpkt.Ignore("IPv4.TTL")}, nil,
		},
		{
			"pushed tag", base, build(eth, testpkt.VLAN{ID: 7}, ip4, tcp, data), nil,
			[]string{"Ethernet.EtherType: want 0x0800, got 0x8100", "VLAN: want none, got {ID 7, EtherType 0x0800}"},
		},
		{
			"popped tag", build(eth, testpkt.VLAN{ID: 7}, ip4, tcp, data), base, []testpkt.DiffOption{testpkt.Ignore("Ethernet.EtherType")},
			[]string{"VLAN: want {ID 7, EtherType 0x0800}, got none"},
		},
		{"ignored layer", base, build(eth, testpkt.VLAN{ID: 7}, ip4, tcp, data), []testpkt.DiffOption{testpkt.Ignore("Ethernet.EtherType", "VLAN")}, nil},
		{
			"inner header", build(eth, ip4, ip4, tcp), build(eth, ip4, testpkt.IPv4{TOS: 4}, tcp),
			[]testpkt.DiffOption{testpkt.IgnoreChecksums()}, []string{"IPv4[1].TOS: want 0x00, got 0x04"},
		},
		{
			"only the inner header ignored", build(eth, ip4, ip4, tcp), build(eth, testpkt.IPv4{TOS: 8}, testpkt.IPv4{TOS: 4}, tcp),
			[]testpkt.DiffOption{testpkt.IgnoreChecksums(), testpkt.Ignore("IPv4[1].TOS")}, []string{"IPv4.TOS: want 0x00, got 0x08"},
		},
		{
			"only the outer header ignored", build(eth, ip4, ip4, tcp), build(eth, testpkt.IPv4{TOS: 8}, testpkt.IPv4{TOS: 4}, tcp),
			[]testpkt.DiffOption{testpkt.IgnoreChecksums(), testpkt.Ignore("IPv4[0].TOS")}, []string{"IPv4[1].TOS: want 0x00, got 0x04"},
		},
		{
			"addresses, flags and options", base,
			build(
				testpkt.Ethernet{Src: testpkt.MAC{2, 0, 0, 0, 0, 9}}, testpkt.IPv4{Dst: netip.MustParseAddr("192.0.2.1"), Flags: testpkt.DontFragment},
				testpkt.TCP{Flags: testpkt.SYN, Options: testpkt.Options(testpkt.MSS(1460), testpkt.NoOperation{}, testpkt.WindowScale(7))}, data,
			),
			[]testpkt.DiffOption{testpkt.IgnoreChecksums(), testpkt.Ignore("IPv4.TotalLength", "TCP.DataOffset")},
			[]string{
				"Ethernet.Src: want 00:00:00:00:00:01, got 02:00:00:00:00:09", "IPv4.Flags: want 0, got DF",
				"IPv4.Dst: want 10.0.0.2, got 192.0.2.1", "TCP.Flags: want 0, got SYN", "TCP.Options: want none, got [mss 1460, nop, wscale 7]",
			},
		},
		{
			"payload", base, build(eth, ip4, tcp, testpkt.Payload("hello, World")), []testpkt.DiffOption{testpkt.IgnoreChecksums()},
			[]string{"Payload: at byte 7 want 776f726c64, got 576f726c64"},
		},
		{
			"payload cut off", base, build(eth, ip4, tcp, testpkt.Payload("hello")), []testpkt.DiffOption{testpkt.IgnoreChecksums(), testpkt.Ignore("IPv4.TotalLength")},
			[]string{"Payload: want 12 bytes, got 5; at byte 5 want 2c20776f726c64, got the end"},
		},
		{
			"trailer", base, append(bytes.Clone(base), 1), nil, []string{"Trailer: want none, got 1 bytes 01"},
		},
		{
			"cut off", base, base[:40], nil,
			[]string{
				"TCP: want {SrcPort 12345, DstPort 80, DataOffset 5, Window 65535, Checksum 0x2b01}, got none",
				"Payload: want 12 bytes, got 6; at byte 0 want 68656c6c6f2c20776f726c64, got 303900500000",
				"got: decode IPv4 at byte 14: length of 52 bytes, but there are 26",
			},
		},
		{"misspelt", base, base, []testpkt.DiffOption{testpkt.Ignore("IPv4.TTTL", "ipv4", "*", "*.Foo", "IPv4[1.TTL", "mypkg.MPLS", "mypkg.MPLS.Label")}, []string{
			`ignore "IPv4.TTTL": no layer or field has this name`, `ignore "ipv4": no layer or field has this name`,
			`ignore "*": no layer or field has this name`, `ignore "*.Foo": no layer or field has this name`,
			`ignore "IPv4[1.TTL": no layer or field has this name`, `ignore "mypkg.MPLS": no layer or field has this name`,
			`ignore "mypkg.MPLS.Label": no layer or field has this name`,
		}},
		{"nothing", nil, nil, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Split(strings.TrimSuffix(testpkt.Diff(tt.want, tt.got, tt.opts...), "\n"), "\n")
			want := tt.diff
			if want == nil {
				want = []string{""}
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("Diff() =\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
			}
			if (testpkt.Diff(tt.got, tt.want, tt.opts...) == "") != (tt.diff == nil) {
				t.Error("Diff() isn't symmetric")
			}
		})
	}
}

// TestDiffLayers compares layers of a Decoder and of another package.
func TestDiffLayers(t *testing.T) {
	src, dst := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	var d testpkt.Decoder
	d.Register(testpkt.SpaceEtherType, 0x9000, decodeShim)
	got, err := d.Decode(testpkt.MustBuild(testpkt.Ethernet{}, shim{src, src}, testpkt.UDP{}))
	if err != nil {
		t.Fatal(err)
	}
	want, err := testpkt.Filled(&testpkt.Ethernet{}, &shim{src, dst}, testpkt.UDP{})
	if err != nil {
		t.Fatal(err)
	}
	const line = "testpkt_test.shim.Dst: want 192.0.2.2, got 192.0.2.1\n"
	if got := testpkt.DiffLayers(want, got, testpkt.IgnoreChecksums()); got != line {
		t.Errorf("DiffLayers() = %q, want %q", got, line)
	}
	if got := testpkt.DiffLayers(want, got, testpkt.IgnoreChecksums(), testpkt.Ignore("testpkt_test.shim.Dst")); got != "" {
		t.Errorf("DiffLayers() = %q, want none", got)
	}
	misspelt := testpkt.Ignore("*.Foo", "mypkg.MPLS", "mypkg.MPLS.Label", "IPv4.TTTL", "ipv4")
	const complaints = "ignore \"IPv4.TTTL\": no layer or field has this name\nignore \"ipv4\": no layer or field has this name\n"
	if got := testpkt.DiffLayers(nil, nil, misspelt); got != complaints {
		t.Errorf("DiffLayers() = %q, want %q", got, complaints)
	}
	if got := testpkt.DiffLayers(nil, nil); got != "" {
		t.Errorf("DiffLayers() of nothing = %q", got)
	}
}

func FuzzDiff(f *testing.F) {
	for _, tt := range allBuildTests {
		f.Add(tt.want, tt.want)
		f.Add(tt.want, allBuildTests[0].want)
		f.Add(tt.want[:len(tt.want)/2], tt.want)
	}
	f.Fuzz(func(t *testing.T, want, got []byte) {
		there, back := testpkt.Diff(want, got), testpkt.Diff(got, want)
		if equal := bytes.Equal(want, got); (there == "") != equal || (back == "") != equal {
			t.Errorf("Diff(%x, %x) = %q, reversed %q, but bytes.Equal() = %v", want, got, there, back, equal)
		}
		ignore := testpkt.Ignore("IPv4.TTL", "TCP", "*.Checksum", "IPv6[1].Src")
		if (testpkt.Diff(want, got, ignore) == "") != (testpkt.Diff(got, want, ignore) == "") {
			t.Errorf("Diff(%x, %x) with fields ignored isn't symmetric", want, got)
		}
	})
}

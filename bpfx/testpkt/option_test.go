package testpkt_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpfx/go/bpfx/testpkt"
)

type parseOptions func([]byte) ([]testpkt.Option, error)

func TestOptions(t *testing.T) {
	addr := netip.MustParseAddr
	tests := []struct {
		name   string
		option testpkt.Option
		parse  parseOptions
		want   []byte
		text   string
	}{
		{"end", testpkt.EndOfOptions{}, testpkt.ParseTCPOptions, []byte{0}, "eol"},
		{"no operation", testpkt.NoOperation{}, testpkt.ParseTCPOptions, []byte{1}, "nop"},
		{"MSS", testpkt.MSS(1460), testpkt.ParseTCPOptions, []byte{2, 4, 0x05, 0xb4}, "mss 1460"},
		{"window scale", testpkt.WindowScale(7), testpkt.ParseTCPOptions, []byte{3, 3, 7}, "wscale 7"},
		{"SACK permitted", testpkt.SACKPermitted{}, testpkt.ParseTCPOptions, []byte{4, 2}, "sackOK"},
		{"SACK", testpkt.SACK{{Left: 1, Right: 2}, {Left: 3, Right: 4}}, testpkt.ParseTCPOptions, []byte{5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4}, "sack 1:2 3:4"},
		{"timestamps", testpkt.Timestamps{Value: 1, Echo: 2}, testpkt.ParseTCPOptions, []byte{8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, "TS val 1 ecr 2"},
		{"unknown to TCP", testpkt.UnknownOption{Kind: 254, Data: []byte{0xca, 0xfe}}, testpkt.ParseTCPOptions, []byte{254, 4, 0xca, 0xfe}, "opt-254:cafe"},
		{"MSS of 3 bytes", testpkt.UnknownOption{Kind: 2, Data: []byte{1}}, testpkt.ParseTCPOptions, []byte{2, 3, 1}, "opt-2:01"},
		{"unknown, empty", testpkt.UnknownOption{Kind: 253}, testpkt.ParseTCPOptions, []byte{253, 2}, "opt-253"},

		{"router alert", testpkt.RouterAlert(0), testpkt.ParseIPv4Options, []byte{148, 4, 0, 0}, "RA"},
		{
			"record route", testpkt.IPv4Route{Kind: testpkt.RecordRoute, Pointer: 8, Addrs: []netip.Addr{addr("192.0.2.1"), addr("0.0.0.0")}}, testpkt.ParseIPv4Options,
			[]byte{7, 11, 8, 192, 0, 2, 1, 0, 0, 0, 0}, "RR 192.0.2.1 0.0.0.0",
		},
		{"loose route", testpkt.IPv4Route{Kind: testpkt.LooseRoute, Pointer: 4}, testpkt.ParseIPv4Options, []byte{131, 3, 4}, "LSRR"},
		{"route of 4 bytes", testpkt.UnknownOption{Kind: 137, Data: []byte{4, 1}}, testpkt.ParseIPv4Options, []byte{137, 4, 4, 1}, "opt-137:0401"},

		{"route without a pointer", testpkt.UnknownOption{Kind: 7, Data: []byte{0}}, testpkt.ParseIPv4Options, []byte{7, 3, 0}, "opt-7:00"},

		{"pad 1", testpkt.Pad(1), testpkt.ParseIPv6Options, []byte{0}, "pad1"},
		{"pad 2", testpkt.Pad(2), testpkt.ParseIPv6Options, []byte{1, 0}, "pad2"},
		{"pad 4", testpkt.Pad(4), testpkt.ParseIPv6Options, []byte{1, 2, 0, 0}, "pad4"},
		{"padding that isn't zero", testpkt.UnknownIPv6Option{Kind: 1, Data: []byte{9}}, testpkt.ParseIPv6Options, []byte{1, 1, 9}, "opt-1:09"},
		{"IPv6 router alert", testpkt.IPv6RouterAlert(1), testpkt.ParseIPv6Options, []byte{5, 2, 0, 1}, "rtalert 1"},
		{"jumbo", testpkt.Jumbo(70000), testpkt.ParseIPv6Options, []byte{0xc2, 4, 0, 1, 0x11, 0x70}, "jumbo 70000"},
		{"unknown to IPv6", testpkt.UnknownIPv6Option{Kind: 0x1e, Data: []byte{1}}, testpkt.ParseIPv6Options, []byte{0x1e, 1, 1}, "opt-30:01"},

		{"source", testpkt.SourceLinkAddr{2, 0, 0, 0, 0, 1}, testpkt.ParseNDOptions, []byte{1, 1, 2, 0, 0, 0, 0, 1}, "source 02:00:00:00:00:01"},
		{"target", testpkt.TargetLinkAddr{2, 0, 0, 0, 0, 1}, testpkt.ParseNDOptions, []byte{2, 1, 2, 0, 0, 0, 0, 1}, "target 02:00:00:00:00:01"},
		{"MTU", testpkt.MTU(1500), testpkt.ParseNDOptions, []byte{5, 1, 0, 0, 0, 0, 0x05, 0xdc}, "mtu 1500"},
		{
			"prefix", testpkt.PrefixInfo{Prefix: netip.MustParsePrefix("2001:db8::/32"), Flags: testpkt.OnLink, Valid: 1, Preferred: 2, Reserved: 3}, testpkt.ParseNDOptions,
			[]byte{3, 4, 32, 0x80, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "prefix 2001:db8::/32",
		},
		{"MTU with reserved bits", testpkt.UnknownNDOption{Kind: 5, Data: []byte{0, 1, 0, 0, 5, 0xdc}}, testpkt.ParseNDOptions, []byte{5, 1, 0, 1, 0, 0, 5, 0xdc}, "opt-5:0001000005dc"},
		{
			"prefix of 129 bits", testpkt.UnknownNDOption{Kind: 3, Data: append([]byte{129}, make([]byte, 29)...)}, testpkt.ParseNDOptions,
			append([]byte{3, 4, 129}, make([]byte, 29)...), "opt-3:81" + strings.Repeat("00", 29),
		},
		{"unknown to ND", testpkt.UnknownNDOption{Kind: 24, Data: []byte{1, 2, 3, 4, 5, 6}}, testpkt.ParseNDOptions, []byte{24, 1, 1, 2, 3, 4, 5, 6}, "opt-24:010203040506"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := testpkt.Options(tt.option); !bytes.Equal(got, tt.want) {
				t.Errorf("Options(%v) = %x, want %x", tt.option, got, tt.want)
			}
			if got := tt.option.String(); got != tt.text {
				t.Errorf("String() = %q, want %q", got, tt.text)
			}
			got, err := tt.parse(tt.want)
			if d := cmp.Diff([]testpkt.Option{tt.option}, got, sameLayers, samePrefix); err != nil || d != "" {
				t.Errorf("parsed: %v, differs (-want +got):\n%s", err, d)
			}
		})
	}
}

var samePrefix = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

// TestOptionsOddly builds options that can't be what was asked for.
func TestOptionsOddly(t *testing.T) {
	tests := []struct {
		name   string
		option testpkt.Option
		want   int // bytes
		head   []byte
	}{
		{"raw bytes", testpkt.RawBytes{1, 2}, 2, []byte{1, 2}},
		{"unknown too long", testpkt.UnknownOption{Kind: 9, Data: make([]byte, 300)}, 255, []byte{9, 255}},
		{"unknown to IPv6 too long", testpkt.UnknownIPv6Option{Kind: 9, Data: make([]byte, 300)}, 257, []byte{9, 255}},
		{"unknown to ND too long", testpkt.UnknownNDOption{Kind: 9, Data: make([]byte, 3000)}, 2040, []byte{9, 255}},
		{"unknown to ND padded", testpkt.UnknownNDOption{Kind: 9, Data: make([]byte, 7)}, 16, []byte{9, 2}},
		{"SACK too long", make(testpkt.SACK, 40), 250, []byte{5, 250}},
		{"route too long", testpkt.IPv4Route{Addrs: make([]netip.Addr, 70)}, 255, []byte{7, 255, 4}},
		{"route of no IPv4", testpkt.IPv4Route{Addrs: []netip.Addr{netip.IPv6Unspecified()}}, 7, []byte{7, 7, 4, 0}},
		{"no padding", testpkt.Pad(0), 0, nil},
		{"padding too long", testpkt.Pad(300), 257, []byte{1, 255}},
		{"no prefix", testpkt.PrefixInfo{}, 32, []byte{3, 4, 0}},
		{"prefix of no IPv6", testpkt.PrefixInfo{Prefix: netip.MustParsePrefix("10.0.0.0/8")}, 32, []byte{3, 4, 0}},
	}
	for _, tt := range tests {
		if got := testpkt.Options(tt.option); len(got) != tt.want || !bytes.HasPrefix(got, tt.head) {
			t.Errorf("%s: Options() = %d bytes %x, want %d beginning with %x", tt.name, len(got), got, tt.want, tt.head)
		}
	}
}

func TestParseOptionsErrors(t *testing.T) {
	tests := []struct {
		name  string
		parse parseOptions
		b     []byte
		want  int // options before the fault
		err   string
	}{
		{"TCP without a length", testpkt.ParseTCPOptions, []byte{1, 2}, 1, "option 2 at byte 1: no length"},
		{"TCP of length 0", testpkt.ParseTCPOptions, []byte{4, 2, 8, 0}, 1, "option 8 at byte 2: length 0 of 2 bytes"},
		{"TCP of length 1", testpkt.ParseTCPOptions, []byte{8, 1}, 0, "option 8 at byte 0: length 1 of 2 bytes"},
		{"TCP too long", testpkt.ParseTCPOptions, []byte{2, 4, 1}, 0, "option 2 at byte 0: length 4 of 3 bytes"},
		{"TCP behind the end", testpkt.ParseTCPOptions, []byte{1, 0, 2}, 2, ""},
		{"IPv4 too long", testpkt.ParseIPv4Options, []byte{7, 4, 4}, 0, "option 7 at byte 0: length 4 of 3 bytes"},
		{"IPv6 without a length", testpkt.ParseIPv6Options, []byte{0, 5}, 1, "option 5 at byte 1: no length"},
		{"IPv6 too long", testpkt.ParseIPv6Options, []byte{5, 2, 0}, 0, "option 5 at byte 0: length 2 of 1 bytes"},
		{"ND without a length", testpkt.ParseNDOptions, []byte{1}, 0, "option 1 at byte 0: no length"},
		{"ND of length 0", testpkt.ParseNDOptions, make([]byte, 8), 0, "option 0 at byte 0: length 0 of 8 bytes"},
		{"ND too long", testpkt.ParseNDOptions, []byte{1, 1, 2}, 0, "option 1 at byte 0: length 8 of 3 bytes"},
		{"none", testpkt.ParseNDOptions, nil, 0, ""},
	}
	for _, tt := range tests {
		got, err := tt.parse(tt.b)
		if len(got) != tt.want || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%s: %v, %v, want %d and error %q", tt.name, got, err, tt.want, tt.err)
		}
	}
}

// FuzzParseOptions parses any bytes: options that are parsed whole are the
// same bytes again.
func FuzzParseOptions(f *testing.F) {
	for _, seed := range []string{"", "\x02\x04\x05\xb4\x04\x02\x01\x03\x03\x07", "\x01\x01\x02\x00\x00\x00\x00\x01", "\x01\x02\x00\x00", "\x94\x04\x00\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []parseOptions{testpkt.ParseTCPOptions, testpkt.ParseIPv4Options, testpkt.ParseIPv6Options, testpkt.ParseNDOptions} {
			options, err := parse(b)
			got := testpkt.Options(options...)
			if !bytes.HasPrefix(b, got) {
				t.Errorf("options of %x are %x", b, got)
			}
			ended := len(options) > 0 && options[len(options)-1] == testpkt.Option(testpkt.EndOfOptions{})
			if err == nil && !ended && len(got) != len(b) {
				t.Errorf("options of %x are %x, and no error", b, got)
			}
			for _, o := range options {
				if strings.ContainsRune(o.String(), '\n') {
					t.Errorf("%T prints as %q", o, o)
				}
			}
		}
	})
}

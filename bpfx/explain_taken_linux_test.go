package bpfx_test

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/testutil"
)

// TestExplainTaken names the program that has the place.
func TestExplainTaken(t *testing.T) {
	testutil.Netns(t)
	m := sockmap(t)
	for _, tt := range []struct {
		first, second hook
		want          string
		since         string
		feature       string
	}{
		{bpfx.XDP{Interface: "lo"}, nil, "the interface has an XDP program already", "5.9", "XDP links"},
		{bpfx.XDP{Interface: "lo", Mode: bpfx.XDPGeneric}, nil, "the interface has an XDP program already", "5.9", "XDP links"},
		{bpfx.FlowDissector{}, nil, "the network namespace has a flow dissector already", "5.9", "flow dissector links"},
		{bpfx.SkMsg{Map: sockmap(t)}, nil, "the map has a program there already", "5.18", "queries of sockmaps"},
		{bpfx.SkSkb{Map: sockmap(t)}, nil, "the map has a program there already", "5.18", "queries of sockmaps"},
		{bpfx.SkSkb{Map: m}, bpfx.SkSkb{Map: m, Kind: bpfx.SkSkbVerdict}, "the map has a program of another kind (SkSKBStreamVerdict), which excludes it", "5.18", "queries of sockmaps"},
	} {
		if tt.second == nil {
			tt.second = tt.first
		}
		t.Run(kind(tt.second)+" "+tt.feature, func(t *testing.T) {
			testutil.Netns(t)
			testutil.NeedKernel(t, tt.since, tt.feature)
			spec := tt.first.Spec(ret(1))
			spec.Name = "the_first"
			a, err := mustLoad(t, spec).Attach(tt.first)
			if err != nil {
				t.Fatal(err)
			}
			_, err = mustLoad(t, tt.second.Spec(ret(1))).Attach(tt.second)
			d := mustExplain(t, err, tt.want+`: "the_first" (program id `)
			// The diagnosis tells what was when it happened, not what is now.
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			if again := bpfx.Explain(err); again.String() != d.String() {
				t.Errorf("later:\n%v", again)
			}
		})
	}
}

// TestExplainTakenByNetlink finds a program that was attached without a link,
// as ip(8) does.
func TestExplainTakenByNetlink(t *testing.T) {
	testutil.Netns(t)
	spec := xdpSpec(2)
	spec.Name = "by_netlink"
	setXDP(t, loopback(t), mustLoad(t, spec).FD())
	h := bpfx.XDP{Interface: "lo"}
	_, err := mustLoad(t, xdpSpec(2)).Attach(h)
	d := mustExplain(t, err, `the interface has an XDP program already: "by_netlink" (program id `)
	if want := "ip link set dev lo xdpgeneric off"; !strings.Contains(d.Remedy, want) {
		t.Errorf("remedy = %q, want %q", d.Remedy, want)
	}
}

// setXDP attaches a program to an interface, in generic mode, by RTM_SETLINK.
func setXDP(t *testing.T, index, fd int) {
	t.Helper()
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	const size = unix.SizeofNlMsghdr + unix.SizeofIfInfomsg + 4 + 8 + 8
	msg := make([]byte, size)
	ne := binary.NativeEndian
	ne.PutUint32(msg, size)
	ne.PutUint16(msg[4:], unix.RTM_SETLINK)
	ne.PutUint16(msg[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	ne.PutUint32(msg[unix.SizeofNlMsghdr+4:], uint32(index)) // ifinfomsg.ifi_index
	at := msg[unix.SizeofNlMsghdr+unix.SizeofIfInfomsg:]
	for i, v := range []struct {
		length, typ uint16
		value       uint32
	}{{20, unix.IFLA_XDP | unix.NLA_F_NESTED, 0}, {8, unix.IFLA_XDP_FD, uint32(fd)}, {8, unix.IFLA_XDP_FLAGS, unix.XDP_FLAGS_SKB_MODE}} {
		off := max(0, i*8-4)
		ne.PutUint16(at[off:], v.length)
		ne.PutUint16(at[off+2:], v.typ)
		if v.length == 8 {
			ne.PutUint32(at[off+4:], v.value)
		}
	}
	if err := unix.Sendto(s, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, 512)
	if n, _, err := unix.Recvfrom(s, reply, 0); err != nil || n < 20 || ne.Uint32(reply[16:]) != 0 {
		t.Fatalf("RTM_SETLINK: %v, %v", err, unix.Errno(-int32(ne.Uint32(reply[16:]))))
	}
}

// TestExplainFull attaches one sk_lookup program more than there is room for.
func TestExplainFull(t *testing.T) {
	testutil.Netns(t)
	testutil.NeedKernel(t, "5.9", "sk_lookup")
	for range 64 {
		if _, err := mustLoad(t, bpfx.SkLookup{}.Spec(ret(1))).Attach(bpfx.SkLookup{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := mustLoad(t, bpfx.SkLookup{}.Spec(ret(1))).Attach(bpfx.SkLookup{})
	if !errors.Is(err, unix.E2BIG) {
		t.Errorf("error = %v, want E2BIG", err)
	}
	mustExplain(t, err, "the network namespace has 64 sk_lookup programs, the most it can have: ")
}

// TestExplainOtherNetns attaches flow dissectors to the initial namespace and
// another one, which exclude each other.
func TestExplainOtherNetns(t *testing.T) {
	testutil.Netns(t)
	if os.Getenv("BPFX_VMTEST") == "" {
		t.Skip("skipping: it attaches to the machine's own network namespace (needs a VM: go run ./vmtest)")
	}
	initial := bpfx.FlowDissector{Netns: bpfx.Netns{Path: "/proc/1/ns/net"}}
	for _, tt := range []struct {
		first, second bpfx.FlowDissector
		want          string
	}{
		{bpfx.FlowDissector{}, initial, "another network namespace has a flow dissector, which rules out one in the initial namespace: "},
		{initial, bpfx.FlowDissector{}, "the initial network namespace has a flow dissector, which rules others out: "},
	} {
		a, err := mustLoad(t, tt.first.Spec(ret(0))).Attach(tt.first)
		if err != nil {
			t.Fatal(err)
		}
		_, err = mustLoad(t, tt.second.Spec(ret(0))).Attach(tt.second)
		mustExplain(t, err, tt.want)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

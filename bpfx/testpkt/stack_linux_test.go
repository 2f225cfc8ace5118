package testpkt_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/internal/netns"
	"github.com/bpfx/go/internal/testutil"
)

var (
	kernelMAC testpkt.MAC // of the kernel's end, kt0
	peerMAC   = testpkt.MustParseMAC("02:00:00:00:00:99")
	kernel4   = netip.MustParseAddr("192.0.2.1")
	peer4     = netip.MustParseAddr("192.0.2.2")
	kernel6   = netip.MustParseAddr("2001:db8::1")
	peer6     = netip.MustParseAddr("2001:db8::2")
)

// wire is the other end of a veth device: what the kernel's stack sends into it
// is captured, and a peer who isn't there answers with packets of testpkt.
type wire struct {
	fd int

	mu     sync.Mutex
	frames [][]byte
}

// newWire makes the veth devices in a network namespace of the test's own.
func newWire(t *testing.T) *wire {
	t.Helper()
	testutil.Netns(t)
	err := netns.NewVeth("kt0", "kt1")
	if errors.Is(err, unix.EOPNOTSUPP) {
		testutil.NeedModule(t, "veth", "CONFIG_VETH")
		err = netns.NewVeth("kt0", "kt1")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []netip.Addr{kernel4, kernel6} {
		if err := netns.AddAddr("kt0", netip.PrefixFrom(a, a.BitLen()*3/4)); err != nil {
			t.Fatal(err)
		}
	}
	kt0, err := net.InterfaceByName("kt0")
	if err != nil {
		t.Fatal(err)
	}
	kernelMAC = testpkt.MAC(kt0.HardwareAddr)
	kt1, err := net.InterfaceByName("kt1")
	if err != nil {
		t.Fatal(err)
	}
	protocol := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}) // in network byte order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(protocol))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: kt1.Index}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 20_000}); err != nil {
		t.Fatal(err)
	}
	w := &wire{fd: fd}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		w.capture(stop)
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	})
	return w
}

// capture keeps what arrives and answers those who ask for the peer.
func (w *wire) capture(stop chan struct{}) {
	buf := make([]byte, 1<<16)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, from, err := unix.Recvfrom(w.fd, buf, 0)
		if err != nil {
			continue // nothing came, or a signal
		}
		if l, ok := from.(*unix.SockaddrLinklayer); ok && l.Pkttype == unix.PACKET_OUTGOING {
			continue // ours
		}
		frame := slices.Clone(buf[:n])
		w.mu.Lock()
		w.frames = append(w.frames, frame)
		w.mu.Unlock()
		if testpkt.Match(frame, testpkt.ARP{Operation: testpkt.ARPRequest, Target: peer4}) == nil {
			w.send(testpkt.ARP{
				Operation: testpkt.ARPReply, SenderMAC: peerMAC, Sender: peer4, TargetMAC: kernelMAC, Target: kernel4,
			})
		}
		if testpkt.Match(frame, testpkt.NeighborSolicit{Target: peer6}) == nil {
			w.send(testpkt.IPv6{Src: peer6, Dst: kernel6}, testpkt.NeighborAdvert{
				Solicited: true, Override: true, Target: peer6, Options: testpkt.Options(testpkt.TargetLinkAddr(peerMAC)),
			})
		}
	}
}

// send has the kernel receive a packet. An error shows by the answer's absence.
func (w *wire) send(layers ...testpkt.Layer) {
	eth := testpkt.Ethernet{Dst: kernelMAC, Src: peerMAC}
	frame := testpkt.MustBuild(append([]testpkt.Layer{eth}, layers...)...)
	_, _ = unix.Write(w.fd, frame)
}

// expect waits until a packet of each kind was captured, and checks them all.
// The kinds are substrings of what [testpkt.String] returns; those in one
// string with "&" between them must be in one packet.
func (w *wire) expect(t *testing.T, again func(), kinds ...string) {
	t.Helper()
	var lines []string
	missing := func() []string {
		w.mu.Lock()
		defer w.mu.Unlock()
		lines = nil
		for _, frame := range w.frames {
			lines = append(lines, testpkt.String(frame))
		}
		return slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool {
			return slices.ContainsFunc(lines, func(line string) bool {
				return !slices.ContainsFunc(strings.Split(kind, "&"), func(part string) bool { return !strings.Contains(line, part) })
			})
		})
	}
	deadline := time.Now().Add(20 * time.Second)
	for len(missing()) > 0 && time.Now().Before(deadline) {
		again()
		time.Sleep(50 * time.Millisecond)
	}
	if m := missing(); len(m) > 0 {
		t.Errorf("the kernel sent no packet with\n\t%s\nbut\n\t%s", strings.Join(m, "\n\t"), strings.Join(lines, "\n\t"))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t.Logf("checked %d packets", len(w.frames))
	for _, frame := range w.frames {
		if _, err := testpkt.Decode(frame); err != nil {
			t.Errorf("Decode(%x) = %v", frame, err)
		}
		checkDecoded(t, frame)
	}
}

// TestKernelPackets decodes packets of many kinds that the kernel's own stack
// sends: they must decode without an error and build the same bytes. That the
// kernel answers packets of testpkt shows that it found nothing wrong in them.
func TestKernelPackets(t *testing.T) {
	w := newWire(t)
	listener, err := net.Listen("tcp", netip.AddrPortFrom(kernel4, 7000).String())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ip4 := testpkt.IPv4{Src: peer4, Dst: kernel4}
	ip6 := testpkt.IPv6{Src: peer6, Dst: kernel6}
	options := ip4
	options.Options = testpkt.Options(testpkt.IPv4Route{Addrs: make([]netip.Addr, 2)})
	syn := testpkt.Options(testpkt.MSS(1400), testpkt.SACKPermitted{}, testpkt.Timestamps{Value: 7}, testpkt.NoOperation{}, testpkt.WindowScale(5))
	again := func() {
		sendUDP(t, peer4, []byte("odd"))
		sendUDP(t, peer6, []byte("odd"))
		sendUDP(t, peer4, make([]byte, 4000))
		sendUDP(t, peer6, make([]byte, 4000))
		connectTCP(t, peer4)
		connectTCP(t, peer6)
		w.send(testpkt.ARP{SenderMAC: peerMAC, Sender: peer4, Target: kernel4})
		w.send(ip6, testpkt.NeighborSolicit{Target: kernel6, Options: testpkt.Options(testpkt.SourceLinkAddr(peerMAC))})
		w.send(ip4, testpkt.ICMP{Type: testpkt.ICMPEchoRequest, ID: 7, Seq: 8}, testpkt.Payload("ping"))
		w.send(options, testpkt.ICMP{Type: testpkt.ICMPEchoRequest, ID: 9}, testpkt.Payload("odd"))
		w.send(ip6, testpkt.ICMPv6{ID: 7, Seq: 8}, testpkt.Payload("ping"))
		w.send(ip6, testpkt.IPv6Destination{}, testpkt.IPv6Fragment{ID: 3}, testpkt.ICMPv6{ID: 77}, testpkt.Payload("odd"))
		w.send(ip4, testpkt.UDP{DstPort: 9999}, testpkt.Payload("to nobody"))
		w.send(ip6, testpkt.UDP{DstPort: 9999}, testpkt.Payload("to nobody"))
		w.send(ip4, testpkt.TCP{DstPort: 9999, Flags: testpkt.SYN})
		w.send(ip4, testpkt.TCP{DstPort: 7000, Flags: testpkt.SYN, Seq: 1000, Options: syn})
		for _, frag := range fragmentsOf(t, ip4, testpkt.ICMP{Type: testpkt.ICMPEchoRequest, ID: 99}, make(testpkt.Payload, 3001)) {
			_, _ = unix.Write(w.fd, frag)
		}
		for _, frag := range fragmentsOf(t, ip6, testpkt.ICMPv6{ID: 99}, make(testpkt.Payload, 3001)) {
			_, _ = unix.Write(w.fd, frag)
		}
	}
	w.expect(t, again,
		"Request who-has 192.0.2.2", "Reply 192.0.2.1", "neighbor solicitation, who has 2001:db8::2", "neighbor advertisement, tgt is 2001:db8::1",
		"IP 192.0.2.1.&192.0.2.2.9&UDP, length 3", "IP6 2001:db8::1.&2001:db8::2.9&UDP, length 3",
		"offset 0 MF&UDP", "offset 1480", "frag&offset 0 more true&UDP", "offset 1448",
		"192.0.2.2.9: Flags [S]&sackOK&wscale", "2001:db8::2.9: Flags [S]&sackOK&wscale",
		"ICMP echo reply, id 7, seq 8, length 4", "RR 192.0.2.1", "ICMP6 echo reply, id 7, seq 8, length 4", "ICMP6 echo reply, id 77",
		"ICMP unreachable, code 3&9999", "ICMP6 unreachable, code 4&9999",
		"192.0.2.1.9999&Flags [R.]", "192.0.2.1.7000&Flags [S.]&mss&TS val",
		"ICMP echo reply, id 99", "ICMP6 echo reply, id 99", "HBH [rtalert 0", // multicast listener reports
	)
}

// fragmentsOf returns a frame to the kernel in fragments.
func fragmentsOf(t *testing.T, layers ...testpkt.Layer) [][]byte {
	t.Helper()
	eth := testpkt.Ethernet{Dst: kernelMAC, Src: peerMAC}
	frags, err := testpkt.Fragments(testpkt.MustBuild(append([]testpkt.Layer{eth}, layers...)...), 1280)
	if err != nil {
		t.Fatal(err)
	}
	return frags
}

// TestKernelTunnels is TestKernelPackets for what tunnel devices send.
func TestKernelTunnels(t *testing.T) {
	tests := []struct {
		name, module, config string
		device               func(name string) error
		want                 string
	}{
		{"vxlan", "vxlan", "CONFIG_VXLAN", func(name string) error { return netns.NewVXLAN(name, 42, kernel4, peer4) }, "192.0.2.2.4789: UDP, VXLAN vni 42, ARP"},
		{"gre", "ip_gre", "CONFIG_NET_IPGRE", func(name string) error { return netns.NewGRE(name, 5, kernel4, peer4) }, "GREv0, key 0x5, seq&ARP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t)
			err := tt.device("tun0")
			if errors.Is(err, unix.EOPNOTSUPP) {
				testutil.NeedModule(t, tt.module, tt.config)
				err = tt.device("tun0")
			}
			if err != nil {
				t.Fatal(err)
			}
			inner := netip.MustParseAddr("198.51.100.1")
			if err := netns.AddAddr("tun0", netip.PrefixFrom(inner, 24)); err != nil {
				t.Fatal(err)
			}
			w.expect(t, func() { sendUDP(t, inner.Next(), []byte("odd")) }, tt.want)
		})
	}
}

// sendUDP has the kernel send a datagram.
func sendUDP(t *testing.T, to netip.Addr, data []byte) {
	t.Helper()
	conn, err := net.Dial("udp", netip.AddrPortFrom(to, 9).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
}

// connectTCP has the kernel send a SYN; nobody answers it.
func connectTCP(t *testing.T, to netip.Addr) {
	t.Helper()
	family, addr := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: 9, Addr: peer4.As4()})
	if to.Is6() {
		family, addr = unix.AF_INET6, &unix.SockaddrInet6{Port: 9, Addr: to.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), fmt.Sprint("tcp to ", to))
	defer f.Close()
	if err := unix.Connect(fd, addr); err != unix.EINPROGRESS {
		t.Fatalf("connect to %v = %v, want %v", to, err, unix.EINPROGRESS)
	}
}

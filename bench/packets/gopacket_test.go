package packets

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/bpfx/go/bpfx/testpkt"
	"github.com/bpfx/go/internal/pktgen"
)

func newRand(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestGopacket has gopacket decode packets of random layers: it must find the
// same layers with the same fields, and every checksum right.
func TestGopacket(t *testing.T) {
	r := newRand(t)
	kinds, sums := make(map[string]int), 0
	for range 3000 {
		stack := pktgen.Stack(r)
		filled, err := testpkt.Filled(stack...)
		if err != nil {
			t.Fatalf("Filled(%+v) = %v", stack, err)
		}
		pkt := testpkt.MustBuild(stack...)
		got := gopacket.NewPacket(pkt, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true, SkipDecodeRecovery: true})
		if failure := got.ErrorLayer(); failure != nil {
			t.Fatalf("gopacket of %x\n%s: %v", pkt, testpkt.String(pkt), failure.Error())
		}
		if err := compare(filled, got.Layers(), kinds); err != nil {
			t.Fatalf("gopacket of %x\n%s: %v\n%v", pkt, testpkt.String(pkt), err, got)
		}
		n, err := verify(got)
		if err != nil {
			t.Fatalf("gopacket of %x\n%s: %v", pkt, testpkt.String(pkt), err)
		}
		sums += n
	}
	t.Logf("compared %v, %d checksums", kinds, sums)
	if len(kinds) < 17 {
		t.Errorf("only %d kinds of layers were compared: %v", len(kinds), kinds)
	}
}

// verify has gopacket verify all checksums that it knows of, that is those of
// IPv4, TCP, UDP, ICMP, ICMPv6 and GRE. It returns how many there were.
func verify(p gopacket.Packet) (n int, err error) {
	var network gopacket.NetworkLayer
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.IPv4:
			network = l
		case *layers.IPv6:
			network = l
		case *layers.IPv6Routing:
			// gopacket doesn't know of RFC 8200 section 8.1.
			if ip, ok := network.(*layers.IPv6); ok && l.SegmentsLeft > 0 {
				final := *ip
				final.DstIP = net.IP(l.Contents[8:24])
				network = &final
			}
		}
		if t, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			if err := t.SetNetworkLayerForChecksum(network); err != nil {
				return n, err
			}
		}
		c, ok := l.(gopacket.LayerWithChecksum)
		if !ok {
			continue
		}
		err, result := c.VerifyChecksum()
		if err == nil && !result.Valid {
			err = fmt.Errorf("checksum %#04x, gopacket computes %#04x", result.Actual, result.Correct)
		}
		if err != nil {
			return n, fmt.Errorf("%v: %w", l.LayerType(), err)
		}
		n++
	}
	return n, nil
}

// compare compares layers with those of gopacket.
func compare(want []testpkt.Layer, got []gopacket.Layer, kinds map[string]int) error {
	next := func() gopacket.Layer {
		if len(got) == 0 {
			return nil
		}
		l := got[0]
		got = got[1:]
		return l
	}
	for i, w := range want {
		if undecoded(want[:i]) {
			return nil
		}
		if _, ok := w.(testpkt.Trailer); ok {
			continue // not a layer of gopacket
		}
		g := next()
		if g == nil {
			return fmt.Errorf("layer %d: want %T, got none", i, w)
		}
		if err := compareLayer(w, g, next); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
		kinds[fmt.Sprintf("%T", w)]++
	}
	return nil
}

// undecoded reports whether gopacket leaves what comes next undecoded: after an
// ICMP error and after a fragment header, though it be of the only fragment.
func undecoded(before []testpkt.Layer) bool {
	if len(before) == 0 {
		return false
	}
	switch l := before[len(before)-1].(type) {
	case testpkt.ICMP:
		return l.Type == testpkt.ICMPUnreachable
	case testpkt.ICMPv6:
		return l.Type == testpkt.ICMPv6PacketTooBig
	case testpkt.IPv6Fragment:
		return true
	}
	return false
}

// check returns an error if two values that a field has differ.
func check(field string, want, got any) error {
	if fmt.Sprint(want) != fmt.Sprint(got) {
		return fmt.Errorf("%s: want %v, gopacket sees %v", field, want, got)
	}
	return nil
}

// checks is check for pairs, after the layer's name.
func checks(layer string, pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := check(fmt.Sprintf("%s field %d", layer, i/2), pairs[i], pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func compareLayer(want testpkt.Layer, got gopacket.Layer, next func() gopacket.Layer) error {
	switch w := want.(type) {
	case testpkt.Ethernet:
		g, ok := got.(*layers.Ethernet)
		if !ok {
			break
		}
		return checks("Ethernet", w.Dst, testpkt.MAC(g.DstMAC), w.Src, testpkt.MAC(g.SrcMAC), w.EtherType, uint16(g.EthernetType))
	case testpkt.VLAN:
		g, ok := got.(*layers.Dot1Q)
		if !ok {
			break
		}
		return checks("VLAN", w.Priority, g.Priority, w.DropEligible, g.DropEligible, w.ID, g.VLANIdentifier, w.EtherType, uint16(g.Type))
	case testpkt.ARP:
		g, ok := got.(*layers.ARP)
		if !ok {
			break
		}
		return checks("ARP", w.Operation, g.Operation, w.HardwareType, uint16(g.AddrType), w.ProtocolType, uint16(g.Protocol),
			w.SenderMAC[:], g.SourceHwAddress, w.Sender.AsSlice(), g.SourceProtAddress, w.TargetMAC[:], g.DstHwAddress, w.Target.AsSlice(), g.DstProtAddress)
	case testpkt.GRE:
		g, ok := got.(*layers.GRE)
		if !ok {
			break
		}
		return checks("GRE", w.Flags&testpkt.GREChecksum != 0, g.ChecksumPresent, w.Flags&testpkt.GREKey != 0, g.KeyPresent,
			w.Flags&testpkt.GRESequence != 0, g.SeqPresent, w.Protocol, uint16(g.Protocol), w.Checksum, g.Checksum, w.Key, g.Key, w.Seq, g.Seq)
	case testpkt.VXLAN:
		g, ok := got.(*layers.VXLAN)
		if !ok {
			break
		}
		return checks("VXLAN", w.VNI, g.VNI, w.Flags&8 != 0, g.ValidIDFlag)
	case testpkt.Payload:
		return compareBytes("Payload", w, got.LayerContents())
	case testpkt.IPv4, testpkt.IPv6, testpkt.IPv6HopByHop, testpkt.IPv6Destination, testpkt.IPv6Routing, testpkt.IPv6Fragment:
		return compareNetwork(want, got)
	case testpkt.TCP, testpkt.UDP:
		return compareTransport(want, got)
	default:
		return compareICMP(want, got, next)
	}
	return wrongType(want, got)
}

func wrongType(want testpkt.Layer, got gopacket.Layer) error {
	return fmt.Errorf("want %T, gopacket sees %v", want, got.LayerType())
}

func compareBytes(name string, want, got []byte) error {
	if !bytes.Equal(want, got) {
		return fmt.Errorf("%s: want %x, gopacket sees %x", name, want, got)
	}
	return nil
}

func compareNetwork(want testpkt.Layer, got gopacket.Layer) error {
	switch w := want.(type) {
	case testpkt.IPv4:
		g, ok := got.(*layers.IPv4)
		if !ok {
			break
		}
		return checks("IPv4", w.Version, g.Version, w.IHL, g.IHL, w.TOS, g.TOS, w.TotalLength, g.Length, w.ID, g.Id, uint8(w.Flags), uint8(g.Flags),
			w.FragmentOffset, g.FragOffset, w.TTL, g.TTL, w.Protocol, uint8(g.Protocol), w.Checksum, g.Checksum, w.Src, addr(g.SrcIP), w.Dst, addr(g.DstIP))
	case testpkt.IPv6:
		g, ok := got.(*layers.IPv6)
		if !ok {
			break
		}
		return checks("IPv6", w.Version, g.Version, w.TrafficClass, g.TrafficClass, w.FlowLabel, g.FlowLabel, w.PayloadLength, g.Length,
			w.NextHeader, uint8(g.NextHeader), w.HopLimit, g.HopLimit, w.Src, addr(g.SrcIP), w.Dst, addr(g.DstIP))
	case testpkt.IPv6HopByHop:
		return checks("IPv6HopByHop", layers.LayerTypeIPv6HopByHop, got.LayerType())
	case testpkt.IPv6Destination:
		return checks("IPv6Destination", layers.LayerTypeIPv6Destination, got.LayerType())
	case testpkt.IPv6Routing:
		return checks("IPv6Routing", layers.LayerTypeIPv6Routing, got.LayerType())
	case testpkt.IPv6Fragment:
		g, ok := got.(*layers.IPv6Fragment)
		if !ok {
			break
		}
		return checks("IPv6Fragment", w.NextHeader, uint8(g.NextHeader), w.Offset, g.FragmentOffset, w.More, g.MoreFragments, w.ID, g.Identification)
	}
	return wrongType(want, got)
}

func addr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a
}

func compareTransport(want testpkt.Layer, got gopacket.Layer) error {
	switch w := want.(type) {
	case testpkt.TCP:
		g, ok := got.(*layers.TCP)
		if !ok {
			break
		}
		f := testpkt.TCPFlags(0)
		for i, set := range []bool{g.FIN, g.SYN, g.RST, g.PSH, g.ACK, g.URG, g.ECE, g.CWR, g.NS} {
			if set {
				f |= 1 << i
			}
		}
		options, err := testpkt.ParseTCPOptions(w.Options)
		if err != nil {
			return err
		}
		if err := compareOptions(options, g.Options); err != nil {
			return err
		}
		return checks("TCP", w.SrcPort, uint16(g.SrcPort), w.DstPort, uint16(g.DstPort), w.Seq, g.Seq, w.Ack, g.Ack, w.DataOffset, g.DataOffset,
			w.Flags, f, w.Window, g.Window, w.Checksum, g.Checksum, w.Urgent, g.Urgent)
	case testpkt.UDP:
		g, ok := got.(*layers.UDP)
		if !ok {
			break
		}
		return checks("UDP", w.SrcPort, uint16(g.SrcPort), w.DstPort, uint16(g.DstPort), w.Length, g.Length, w.Checksum, g.Checksum)
	}
	return wrongType(want, got)
}

// compareOptions compares TCP options up to the end of them.
func compareOptions(want []testpkt.Option, got []layers.TCPOption) error {
	if len(got) < len(want) {
		return fmt.Errorf("%d TCP options, gopacket sees %v", len(want), got)
	}
	for i, o := range want {
		b := o.AppendOption(nil)
		g := []byte{byte(got[i].OptionType)}
		if got[i].OptionType > 1 {
			g = append(append(g, got[i].OptionLength), got[i].OptionData...)
		}
		if err := compareBytes("TCP option "+o.String(), b, g); err != nil {
			return err
		}
	}
	return nil
}

func compareICMP(want testpkt.Layer, got gopacket.Layer, next func() gopacket.Layer) error {
	switch w := want.(type) {
	case testpkt.ICMP:
		g, ok := got.(*layers.ICMPv4)
		if !ok {
			return wrongType(want, got)
		}
		return checks("ICMP", w.Type, g.TypeCode.Type(), w.Code, g.TypeCode.Code(), w.Checksum, g.Checksum, w.ID, g.Id, w.Seq, g.Seq)
	}
	g, ok := got.(*layers.ICMPv6)
	if !ok {
		return wrongType(want, got)
	}
	body := next()
	if body == nil {
		return fmt.Errorf("%T: gopacket sees no body", want)
	}
	switch w := want.(type) {
	case testpkt.ICMPv6:
		if e, ok := body.(*layers.ICMPv6Echo); ok {
			return checks("ICMPv6 echo", w.Type, g.TypeCode.Type(), w.Code, g.TypeCode.Code(), w.Checksum, g.Checksum, w.ID, e.Identifier, w.Seq, e.SeqNumber)
		}
		word := binary.BigEndian.Uint32(body.LayerContents())
		return checks("ICMPv6", w.Type, g.TypeCode.Type(), w.Code, g.TypeCode.Code(), w.Checksum, g.Checksum, uint32(w.ID)<<16|uint32(w.Seq), word)
	case testpkt.NeighborSolicit:
		b, ok := body.(*layers.ICMPv6NeighborSolicitation)
		if !ok {
			return wrongType(want, body)
		}
		return checks("NeighborSolicit", w.Checksum, g.Checksum, w.Target, addr(b.TargetAddress), w.Options, ndOptions(b.Options))
	case testpkt.NeighborAdvert:
		b, ok := body.(*layers.ICMPv6NeighborAdvertisement)
		if !ok {
			return wrongType(want, body)
		}
		return checks("NeighborAdvert", w.Checksum, g.Checksum, w.Target, addr(b.TargetAddress), w.Options, ndOptions(b.Options),
			w.Router, b.Router(), w.Solicited, b.Solicited(), w.Override, b.Override())
	case testpkt.RouterSolicit:
		b, ok := body.(*layers.ICMPv6RouterSolicitation)
		if !ok {
			return wrongType(want, body)
		}
		return checks("RouterSolicit", w.Checksum, g.Checksum, w.Options, ndOptions(b.Options))
	case testpkt.RouterAdvert:
		b, ok := body.(*layers.ICMPv6RouterAdvertisement)
		if !ok {
			return wrongType(want, body)
		}
		return checks("RouterAdvert", w.Checksum, g.Checksum, w.HopLimit, b.HopLimit, uint8(w.Flags), b.Flags, w.Lifetime, b.RouterLifetime,
			w.Reachable, b.ReachableTime, w.Retrans, b.RetransTimer, w.Options, ndOptions(b.Options))
	}
	return wrongType(want, got)
}

// ndOptions returns options of neighbour discovery as bytes.
func ndOptions(options layers.ICMPv6Options) []byte {
	var b []byte
	for _, o := range options {
		b = append(append(b, byte(o.Type), byte((len(o.Data)+2)/8)), o.Data...)
	}
	return b
}

// TestGopacketFindsFaults makes sure that TestGopacket would fail.
func TestGopacketFindsFaults(t *testing.T) {
	eth, ip4, ip6 := testpkt.Ethernet{}, testpkt.IPv4{}, testpkt.IPv6{}
	for _, stack := range [][]testpkt.Layer{
		{eth, testpkt.IPv4{Checksum: 1}, testpkt.UDP{}},
		{eth, ip4, testpkt.UDP{Checksum: 1}},
		{eth, ip6, testpkt.TCP{Checksum: 1}},
		{eth, ip4, testpkt.ICMP{Type: testpkt.ICMPEchoRequest, Checksum: 1}},
		{eth, ip6, testpkt.NeighborSolicit{Checksum: 1}},
		{eth, ip4, testpkt.GRE{Checksum: 1}, ip4},
	} {
		pkt := gopacket.NewPacket(testpkt.MustBuild(stack...), layers.LayerTypeEthernet, gopacket.Default)
		if _, err := verify(pkt); err == nil {
			t.Errorf("gopacket finds nothing wrong with %+v", stack)
		}
	}
}

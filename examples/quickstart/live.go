package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"text/tabwriter"
	"time"

	"github.com/cilium/ebpf"

	"github.com/bpfx/go/bpfx"
	"github.com/bpfx/go/internal/netns"
)

// Why the firewall let a packet pass or dropped it: enum reason in firewall.c.
const (
	passed uint32 = iota
	byPort
	bySource
)

// traffic is what is sent through loopback.
var traffic = []struct {
	name   string
	source netip.Addr
	port   uint16
	reason uint32
}{
	{"open port", goodSource, openPort, passed},
	{"blocked port", goodSource, blockedPort, byPort},
	{"blocked source", blockedSource, openPort, bySource},
}

// live attaches prog in a network namespace of its own and sends datagrams
// through the loopback interface there.
func live(w io.Writer, prog *bpfx.Program, packets *ebpf.Map) error {
	return netns.Do(func() error {
		attachment, err := prog.Attach(bpfx.XDP{Interface: "lo"})
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\nAttached to %v in a network namespace of its own; sending real UDP datagrams.\n\n", attachment)
		err = sendAll(w, packets)
		return errors.Join(err, attachment.Close())
	})
}

// sendAll sends each kind of traffic and compares what arrives with what the
// firewall counted.
func sendAll(w io.Writer, packets *ebpf.Map) error {
	const each = 100
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "DATAGRAMS\tFROM\tTO PORT\tSENT\tRECEIVED\tDROPPED BY THE FIREWALL")
	for _, kind := range traffic {
		counted := func() (n uint64, err error) { return n, packets.Lookup(kind.reason, &n) }
		if err := packets.Put(kind.reason, uint64(0)); err != nil {
			return err
		}
		dropped := each
		if kind.reason == passed {
			dropped = 0
		}
		received, err := send(kind.source, kind.port, each, each-dropped, counted)
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		if received != each-dropped {
			return fmt.Errorf("%s: of %d datagrams the firewall dropped %d, but %d arrived", kind.name, each, dropped, received)
		}
		fmt.Fprintf(tab, "%s\t%v\t%d\t%d\t%d\t%d\n", kind.name, kind.source, kind.port, each, received, dropped)
	}
	return tab.Flush()
}

// send sends n datagrams to a socket of this process, waits until the firewall
// has counted them all, and returns how many arrived, of which some are expected.
func send(source netip.Addr, port uint16, n, expected int, counted func() (uint64, error)) (received int, err error) {
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	in, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(to))
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, 0)), net.UDPAddrFromAddrPort(to))
	if err != nil {
		return 0, err
	}
	defer out.Close()
	for i := range n {
		if _, err := fmt.Fprintf(out, "datagram %d", i); err != nil {
			return 0, err
		}
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		got, err := counted()
		if err != nil {
			return 0, err
		}
		if got == uint64(n) {
			return receive(in, expected)
		}
		if time.Now().After(end) {
			return 0, fmt.Errorf("sent %d datagrams, but the firewall counted %d", n, got)
		}
	}
}

// receive counts the datagrams that are there, or arrive within moments. It waits
// longer for those that are expected: on a busy machine a moment is soon over.
func receive(in *net.UDPConn, expected int) (n int, err error) {
	for buf := make([]byte, 64); ; n++ {
		patience := 100 * time.Millisecond
		if n < expected {
			patience = 5 * time.Second
		}
		if err := in.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return n, err
		}
		if _, err := in.Read(buf); errors.Is(err, os.ErrDeadlineExceeded) {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

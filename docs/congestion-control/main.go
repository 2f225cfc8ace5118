// Congestion-control registers a TCP congestion control that is written in Go,
// and sends over a connection that uses it. Its guide is README.md.
//
// It needs root and Linux 5.13, touches only loopback, and leaves nothing behind.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/bpfx/go/bpfx/structops"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "congestion-control:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	spec, err := gentle()
	if err != nil {
		return err
	}
	return structops.WithRegistered(spec, func(*structops.Ops) error {
		conn, err := dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := structops.UseTCPCC(conn, spec.Name); err != nil {
			return err
		}
		if _, err := conn.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		name, err := structops.TCPCC(conn)
		if err != nil {
			return err
		}
		stats, err := structops.TCPInfo(conn)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "sent 1 MiB with %s: the window is %d segments\n", name, stats.Cwnd)
		return nil
	})
}

// dial connects to a listener on loopback that throws away what it gets.
func dial() (*net.TCPConn, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // whose subflows would each have a congestion control
	l, err := lc.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	accepted := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		accepted <- err
		if err == nil {
			defer c.Close()
			_, _ = io.Copy(io.Discard, c) // until the sender closes
		}
	}()
	conn, err := net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		return nil, err
	}
	if err := <-accepted; err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

package structops

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// AvailableTCPCC returns the names of the TCP congestion controls that are
// registered, BPF's among them, sorted as the kernel has them. Modules that
// aren't loaded are missing.
func AvailableTCPCC() ([]string, error) { return readNames("tcp_available_congestion_control") }

// AllowedTCPCC returns the names of those that processes without CAP_NET_ADMIN
// may choose, in the network namespace of the calling thread.
func AllowedTCPCC() ([]string, error) { return readNames("tcp_allowed_congestion_control") }

func readNames(file string) ([]string, error) {
	b, err := os.ReadFile("/proc/sys/net/ipv4/" + file)
	if err != nil {
		return nil, fmt.Errorf("list congestion controls: %w", notLinux(err))
	}
	return strings.Fields(string(b)), nil
}

// UseTCPCC sets the congestion control of a TCP socket, for example of a
// [*net.TCPConn], while it is connected or before; connections that a
// [*net.TCPListener] accepts inherit its. It takes effect at once, and starts
// the new one with the socket's present window.
//
// Returns an error wrapping [os.ErrNotExist] if none of that name is
// registered, [os.ErrPermission] if the process may not choose it, and EBUSY if
// it is just being unregistered; each says so.
func UseTCPCC(conn syscall.Conn, name string) error {
	err := control(conn, func(fd int) error { return setTCPCC(fd, name) })
	if err != nil {
		return fmt.Errorf("use congestion control %q: %w", name, err)
	}
	return nil
}

// TCPCC returns the name of the congestion control that a TCP socket uses.
func TCPCC(conn syscall.Conn) (name string, err error) {
	err = control(conn, func(fd int) (err error) { name, err = getTCPCC(fd); return err })
	if err != nil {
		return "", fmt.Errorf("read congestion control: %w", err)
	}
	return name, nil
}

// TCPStats are what the kernel tells of a TCP connection.
type TCPStats struct {
	// Cwnd is the congestion window, in segments.
	Cwnd uint32
	// Ssthresh is the slow start threshold, in segments; 0x7fffffff is none.
	Ssthresh uint32
	// MSS is the size of a segment, in bytes.
	MSS uint32
	// RTT is the smoothed round-trip time, RTTVar how much it varies.
	RTT, RTTVar time.Duration
	// Unacked is the number of segments in flight, Lost of those that are
	// thought lost.
	Unacked, Lost uint32
	// Retransmits counts all segments that were sent again.
	Retransmits uint32
	// Acked is the number of bytes that were acknowledged.
	Acked uint64
	// PacingRate is how fast segments leave at most, in bytes per second.
	PacingRate uint64
	// DeliveryRate is how fast they arrived of late, in bytes per second.
	DeliveryRate uint64
	// State is the congestion state (enum tcp_ca_state): 0 open, 1 disorder, 2
	// CWR, 3 recovery, 4 loss.
	State uint8
}

// TCPInfo reads what the kernel tells of a TCP connection.
func TCPInfo(conn syscall.Conn) (stats TCPStats, err error) {
	err = control(conn, func(fd int) (err error) { stats, err = getTCPInfo(fd); return err })
	if err != nil {
		return TCPStats{}, fmt.Errorf("read TCP info: %w", err)
	}
	return stats, nil
}

// control calls fn with the descriptor of a connection.
func control(conn syscall.Conn, fn func(fd int) error) error {
	if conn == nil {
		return errors.New("nil connection")
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = fn(int(fd)) }); err != nil {
		return err
	}
	return result
}
